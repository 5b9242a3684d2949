//! What was spent before policies were changed.

use std::{collections::HashMap, sync::Arc};

use super::{counters::Counters, gcra::Rate, rule::Rule};

/// What was spent of a policy at other rates, up to a time.
///
/// Nothing is converted when policies change. Who asks for a key converts what it owes by its own
/// tier, as of that time: the same whoever asks, and however often. Requests that were judged by the
/// old policy until then are in it too.
pub(super) struct Before {
    counters: Arc<Counters>,
    own: Rate,
    tiers: HashMap<Arc<str>, Rate>,
    until: u64,
    before: Option<Arc<Self>>,
}

// ===== impl Before =====

impl Before {
    /// Keeps what was spent until now, and what was spent before that and is still owed.
    pub(super) fn new(rule: &Rule, until: u64) -> Self {
        let before = rule.before.as_ref();
        Self {
            counters: Arc::clone(&rule.counters),
            own: rule.own().rate,
            tiers: rule.rates().collect(),
            until,
            before: before.filter(|before| before.is_owed_at(until)).cloned(),
        }
    }

    /// Returns a key's theoretical arrival time at another rate: it has spent as many requests.
    #[cold]
    pub(super) fn tat(&self, hash: u64, tier: Option<&str>, rate: &Rate) -> u64 {
        let own = tier.and_then(|tier| self.tiers.get(tier));
        let old = own.unwrap_or(&self.own);
        let earlier = self.before.as_ref();
        let earlier = earlier.map_or(0, |before| before.tat(hash, tier, old));
        let tat = self.counters.tat(hash).max(earlier);
        rate.convert(old, tat, self.until)
    }

    /// Whether something may still be owed then.
    fn is_owed_at(&self, now: u64) -> bool {
        let rates = self.tiers.values().chain([&self.own]);
        let longest = rates.map(Rate::window).max().unwrap_or(0);
        now < self.until.saturating_add(longest)
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

/// Tables of policies that were in force one after the other, each within a window of the next.
pub(super) const DEEPEST: usize = 16;
