//! Who failed how often, in a table of fixed size.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use portcullis_core::{Lock, LockoutRule};

use crate::rate_limit::{
    Key,
    places::{Places, Table},
};

/// Failures by key. Each key has a word: when its failures are forgotten, and how many there are.
pub(super) struct Failures {
    places: Places,
    table: Table,
    rule: LockoutRule,
    overflows: AtomicU64,
}

/// When failures are forgotten, in milliseconds, and how many there are, in the eight bits below: later
/// is greater, so that a table takes it for a time.
#[derive(Clone, Copy)]
struct Word(u64);

// ===== impl Failures =====

impl Failures {
    pub(super) fn new(rule: LockoutRule, max_keys: usize) -> Self {
        Self {
            places: Places::random(),
            table: Table::new(max_keys),
            rule,
            overflows: AtomicU64::new(0),
        }
    }

    pub(super) const fn rule(&self) -> &LockoutRule {
        &self.rule
    }

    pub(super) fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// Returns how a key stands. `now` is in milliseconds.
    #[inline]
    pub(super) fn standing(&self, key: &Key<'_>, now: u64) -> Lock {
        let hash = self.places.hash(key);
        // What others share is nobody's failure.
        if self.table.has_place(hash) {
            Word(self.table.read(hash)).standing(&self.rule, now)
        } else {
            Lock::new(0, Duration::ZERO)
        }
    }

    /// Notes a failure: the key has one more, and at least so many.
    pub(super) fn add(&self, key: &Key<'_>, now: u64, at_least: u32) -> Lock {
        self.change(key, now, |failures| (failures + 1).max(at_least))
    }

    /// Notes what is known of a key elsewhere.
    pub(super) fn learn(&self, key: &Key<'_>, now: u64, lock: Lock) {
        self.change(key, now, |failures| failures.max(lock.failures));
    }

    fn change(&self, key: &Key<'_>, now: u64, change: impl Fn(u32) -> u32) -> Lock {
        let hash = self.places.hash(key);
        let before = self.table.overflows();
        let next = |word: u64| {
            let failures = change(Word(word).failures(now));
            let next = Word::new(failures, &self.rule, now);
            Ok::<_, Infallible>((next, next.0.max(word)))
        };
        let Ok(word) = self.table.replace(hash, || Word::instant(now), next);
        if self.table.overflows() > before && !self.table.has_place(hash) {
            self.overflows.fetch_add(1, Relaxed);
            return Lock::new(0, Duration::ZERO);
        }
        word.standing(&self.rule, now)
    }
}

// ===== impl Word =====

impl Word {
    fn new(failures: u32, rule: &LockoutRule, now: u64) -> Self {
        let failures = failures.min(MOST);
        let kept = rule.lock(failures).saturating_add(rule.forget());
        Self(Self::instant(now + millis(kept)) | u64::from(failures))
    }

    /// A time, as the table compares it.
    const fn instant(millis: u64) -> u64 {
        millis << BITS
    }

    const fn forgotten_at(self) -> u64 {
        self.0 >> BITS
    }

    const fn failures(self, now: u64) -> u32 {
        if self.forgotten_at() > now {
            (self.0 & MASK) as u32
        } else {
            0
        }
    }

    fn standing(self, rule: &LockoutRule, now: u64) -> Lock {
        let failures = self.failures(now);
        if failures < rule.after() {
            return Lock::new(failures, Duration::ZERO);
        }
        let until = self.forgotten_at().saturating_sub(millis(rule.forget()));
        Lock::new(failures, Duration::from_millis(until.saturating_sub(now)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> BITS)
}

const BITS: u32 = 8;
const MASK: u64 = (1 << BITS) - 1;
const MOST: u32 = MASK as u32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_finds_no_room_locks_nobody_out() {
        let failures = Failures::new(LockoutRule::default(), 1);
        let key = |number: u32| Key::from_name(number.to_string());
        let locked = (0..100).filter(|number| {
            for _ in 0..5 {
                failures.add(&key(*number), 0, 0);
            }
            failures.standing(&key(*number), 0).failures == 5
        });
        let locked = locked.count();

        assert!((1..=10).contains(&locked), "{locked}");
        assert_eq!(failures.overflows(), 5 * (100 - locked as u64));
        assert_eq!(failures.standing(&key(1000), 0).failures, 0);
    }

    proptest! {
        /// Whatever comes when, it is what counting by hand gives.
        #[test]
        fn it_counts_as_by_hand(gaps in prop::collection::vec(0_u64..2_000_000, 1..60)) {
            let rule = LockoutRule::default();
            let failures = Failures::new(rule, 100);
            let key = Key::from_name("alice");
            let (mut now, mut count, mut locked_until, mut forgotten_at) = (0, 0, 0, 0);
            for gap in gaps {
                now += gap;
                let before = failures.standing(&key, now);
                let left = Duration::from_millis(u64::saturating_sub(locked_until, now));
                prop_assert_eq!(before.locked_for, left);
                count = if now < forgotten_at { u32::min(count + 1, 255) } else { 1 };
                locked_until = now + rule.lock(count).as_millis() as u64;
                forgotten_at = locked_until + 900_000;
                let after = failures.add(&key, now, 0);
                prop_assert_eq!(after, Lock::new(count, rule.lock(count)));
            }
        }
    }
}
