//! What was spent before policies were changed.

use std::{collections::HashMap, sync::Arc};

use http::request;
use portcullis_core::Facts;

use super::{
    counters::Counters,
    gcra::Rate,
    policy::{TierBy, tier_of},
    rule::Rule,
};

/// What was spent of a policy at other rates, up to a time.
///
/// Nothing is converted when policies change. Who asks for a key converts what it owes by the tier
/// that it had, as of that time: the same whoever asks, and however often. Requests that were judged
/// by the old policy until then are in it too.
pub(super) struct Before {
    counters: Arc<Counters>,
    own: Rate,
    tiers: HashMap<Arc<str>, Rate>,
    tier_by: Option<Arc<TierBy>>,
    until: u64,
    /// At most a burst of the policy that followed is owed.
    owed_until: u64,
    before: Option<Arc<Self>>,
}

// ===== impl Before =====

impl Before {
    /// Keeps what was spent until now, and what was spent before that and is still owed.
    pub(super) fn new(rule: &Rule, following: &Rule, until: u64) -> Self {
        Self {
            counters: Arc::clone(&rule.counters),
            own: rule.own().rate,
            tiers: rule.rates(),
            tier_by: rule.policy.tier_by.clone(),
            until,
            owed_until: until.saturating_add(following.longest_window()),
            before: rule.before_at(until).cloned(),
        }
    }

    /// Returns a key's theoretical arrival time at another rate: it has spent as many requests.
    #[cold]
    pub(super) fn tat(&self, head: &request::Parts, facts: &Facts, hash: u64, rate: &Rate) -> u64 {
        let tier = tier_of(self.tier_by.as_deref(), head, facts);
        let old = tier
            .and_then(|tier| self.tiers.get(tier))
            .unwrap_or(&self.own);
        let earlier = self.before.as_ref();
        let earlier = earlier.map_or(0, |before| before.tat(head, facts, hash, old));
        let tat = self.counters.tat(hash).max(earlier);
        rate.convert(old, tat, self.until)
    }

    /// Whether something may still be owed then.
    pub(super) const fn is_owed_at(&self, now: u64) -> bool {
        now < self.owed_until
    }

    /// How many tables there are.
    pub(super) fn depth(&self) -> usize {
        1 + self.before.as_ref().map_or(0, |before| before.depth())
    }

    pub(super) fn bytes(&self) -> usize {
        let before = self.before.as_ref();
        self.counters.bytes() + before.map_or(0, |before| before.bytes())
    }
}

/// Tables of policies that were in force one after the other, each while the one before was owed.
pub(super) const DEEPEST: usize = 16;
