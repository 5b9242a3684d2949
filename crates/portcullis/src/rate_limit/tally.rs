//! What a policy allowed and refused, and of whom.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

use http::request;
use portcullis_core::{Count, Facts, observe::Escaped};

use super::{charges::Charges, key::Unknown, policy::Policy, rules::Rules};

/// What a policy allowed and refused.
#[derive(Default)]
pub(super) struct Tally {
    allowed: AtomicU64,
    refused: AtomicU64,
    would_refuse: AtomicU64,
    pub(super) unknown: Unknown,
    sample: Sample,
}

/// Which refusals are logged: in each minute the first of a few keys. The others are counted.
#[derive(Default)]
struct Sample {
    minute: AtomicU64,
    /// Of this minute, by their partition keys.
    keys: [AtomicU64; KEYS],
    others: AtomicU64,
}

// ===== impl Rules =====

impl Rules {
    /// Counts what each policy allowed, refused, or would have refused.
    pub(super) fn tally<const N: usize>(&self, charges: &Charges<N>, head: &request::Parts) {
        for (charge, decision) in charges.iter() {
            let rule = self.rule(charge);
            let tally = match (decision, rule.policy.dry_run) {
                (Ok(_), _) => &rule.tally.allowed,
                (Err(_), true) => &rule.tally.would_refuse,
                (Err(_), false) => {
                    let (key, now) = (charge.partition_key, self.clock.now());
                    rule.tally.refuse(&rule.policy, head, key, now);
                    continue;
                }
            };
            tally.fetch_add(1, Relaxed);
        }
    }
}

// ===== impl Tally =====

impl Tally {
    /// Counts a refusal, and logs it if it is the first of its key in this minute and there were few.
    #[cold]
    pub(super) fn refuse(
        &self,
        policy: &Policy,
        head: &request::Parts,
        partition_key: u64,
        now: u64,
    ) {
        self.refused.fetch_add(1, Relaxed);
        let name = &*policy.name;
        if let Some(others) = self.sample.turn(now) {
            tracing::info!(target: "portcullis", policy = name, requests = others, "over the quota, others");
        }
        if self.sample.is_first(partition_key) {
            let facts = Facts::of(&head.extensions);
            let key = Escaped::new(policy.by.name(head, facts)).to_string();
            tracing::info!(target: "portcullis", policy = name, key, "over the quota");
        }
    }

    pub(super) fn counts(&self) -> [Count; 3] {
        let read = |tally: &AtomicU64| tally.load(Relaxed);
        [
            Count::total(
                "portcullis_rate_limit_allowed",
                "Requests that a policy counted and allowed",
                read(&self.allowed),
            ),
            Count::total(
                "portcullis_rate_limit_refused",
                "Requests that a policy refused",
                read(&self.refused),
            ),
            Count::total(
                "portcullis_rate_limit_dry_run_refused",
                "Requests that a policy would have refused if it were in force",
                read(&self.would_refuse),
            ),
        ]
    }
}

// ===== impl Sample =====

impl Sample {
    /// Begins a minute. Returns how many refusals of the one before were not logged, if there were
    /// some.
    fn turn(&self, now: u64) -> Option<u64> {
        let (before, minute) = (self.minute.load(Relaxed), now / MINUTE + 1);
        // Of several at once one begins it.
        let turned = before != minute
            && self
                .minute
                .compare_exchange(before, minute, AcqRel, Relaxed)
                .is_ok();
        if !turned {
            return None;
        }
        for key in &self.keys {
            key.store(0, Relaxed);
        }
        Some(self.others.swap(0, Relaxed)).filter(|others| *others > 0)
    }

    /// Returns whether a refusal is the first of its key, and notes it. 0 is nobody's.
    fn is_first(&self, partition_key: u64) -> bool {
        let own = partition_key.max(1);
        for key in &self.keys {
            match key.compare_exchange(0, own, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(other) if other == own => break,
                Err(_) => {}
            }
        }
        self.others.fetch_add(1, Relaxed);
        false
    }
}

/// In nanoseconds.
const MINUTE: u64 = 60_000_000_000;

/// That are logged in a minute. More would be a log that anybody can fill.
const KEYS: usize = 8;
