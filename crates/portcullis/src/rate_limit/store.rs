//! A table of fixed size under governor's algorithm.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use governor::{clock::Clock as _, nanos::Nanos, state::StateStore};

use super::{clock::Clock, key::Key};

/// Keeps when each key's quota will be whole again: its theoretical arrival time.
pub(super) struct BoundedStore {
    clock: Clock,
    hasher: RandomState,
    sets: Box<[Mutex<Set>]>,
}

/// A few keys that hash alike.
#[derive(Clone, Copy, Default)]
struct Set {
    slots: [Slot; WAYS],
    /// Shared by the keys that find no slot.
    overflow: u64,
}

/// A key's hash, and the time at which its quota is whole again. A slot in the past is free.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u64,
    whole_at: u64,
}

// ===== impl BoundedStore =====

impl BoundedStore {
    #[inline]
    pub(super) fn new(max_keys: usize, clock: Clock) -> Self {
        let sets = max_keys.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            clock,
            hasher: RandomState::new(),
            sets: (0..sets).map(|_| Mutex::default()).collect(),
        }
    }

    /// How many keys have a slot of their own at most.
    #[cfg(test)]
    const fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    fn set(&self, tag: u64) -> MutexGuard<'_, Set> {
        let index = tag as usize & (self.sets.len() - 1);
        self.sets[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for BoundedStore {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let tag = self.hasher.hash_one(key);
        let mut set = self.set(tag);
        let now = || Nanos::from(self.clock.now()).as_u64();
        let slot = set.place(tag, now);
        let (outcome, whole_at) = f(Some(Nanos::new(*slot)).filter(|at| at.as_u64() > 0))?;
        *slot = whole_at.as_u64();
        Ok(outcome)
    }
}

// ===== impl Set =====

impl Set {
    /// The key's own slot, a free one that becomes its own, or the shared one.
    fn place(&mut self, tag: u64, now: impl FnOnce() -> u64) -> &mut u64 {
        if let Some(own) = self.slots.iter().position(|slot| slot.tag == tag) {
            return &mut self.slots[own].whole_at;
        }
        let oldest = (0..WAYS).min_by_key(|way| self.slots[*way].whole_at);
        match oldest.map(|way| &mut self.slots[way]) {
            Some(slot) if slot.whole_at <= now() => {
                *slot = Slot { tag, whole_at: 0 };
                &mut slot.whole_at
            }
            _ => &mut self.overflow,
        }
    }
}

const WAYS: usize = 8;

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, net::Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    fn key(n: u32) -> Key {
        Key::from_ip(Ipv4Addr::from_bits(n).into())
    }

    /// Reads what the store has for a key, and replaces it.
    fn replace(store: &BoundedStore, n: u32, whole_at: u64) -> Option<u64> {
        let swap = |old: Option<Nanos>| {
            Ok::<_, Infallible>((old.map(Nanos::as_u64), Nanos::new(whole_at)))
        };
        let Ok(old) = store.measure_and_replace(&key(n), swap);
        old
    }

    #[test]
    fn is_never_larger_than_asked() {
        assert_eq!(BoundedStore::new(65_536, Clock::new()).capacity(), 65_536);
        assert_eq!(BoundedStore::new(0, Clock::new()).capacity(), WAYS);
        assert!(
            size_of::<Mutex<Set>>() <= 152,
            "{}",
            size_of::<Mutex<Set>>()
        );
    }

    #[test]
    fn a_flood_of_keys_evicts_nobody_who_owes() {
        let store = BoundedStore::new(1024, Clock::new());
        let never = u64::MAX / 2;

        assert_eq!(replace(&store, 0, never), None);
        for n in 1..100_000 {
            replace(&store, n, never);
        }
        assert_eq!(replace(&store, 0, never), Some(never));
    }

    #[test]
    fn keys_that_owe_nothing_make_room() {
        let store = BoundedStore::new(8, Clock::new());
        for n in 0..1000 {
            assert_eq!(replace(&store, n, 1), None, "{n} found a free slot");
        }
    }

    proptest! {
        #[test]
        fn a_key_finds_what_it_left(keys in prop::collection::hash_set(any::<u32>(), 1..100)) {
            let store = BoundedStore::new(1 << 16, Clock::new());
            let never = u64::MAX / 2;
            for n in &keys {
                replace(&store, *n, never + u64::from(*n));
            }
            for n in &keys {
                prop_assert_eq!(replace(&store, *n, never), Some(never + u64::from(*n)));
            }
        }
    }
}
