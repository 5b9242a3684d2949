//! What was spent before policies were changed.

use std::sync::Arc;

use http::request;
use portcullis_core::Facts;

use super::{quotas::Quotas, rate::Rate, rule::Rule, store::Store};

/// What was spent of a policy at other rates, up to a time.
///
/// Nothing is converted when policies change. Who asks for a key converts what it has spent by the
/// quota that it had, as of that time: the same whoever asks, and however often. Requests that were
/// judged by the old policy until then are in it too.
pub(super) struct Before {
    store: Arc<Store>,
    quotas: Arc<Quotas>,
    until: u64,
    /// At most a burst of the policy that followed is spent.
    full_at: u64,
    before: Option<Arc<Self>>,
}

// ===== impl Before =====

impl Before {
    /// Keeps what was spent until now, and what was spent before that and has not refilled.
    pub(super) fn new(rule: &Rule, following: &Quotas, until: u64) -> Self {
        Self {
            store: Arc::clone(&rule.store),
            quotas: Arc::clone(&rule.quotas),
            until,
            full_at: until.saturating_add(following.longest_window()),
            before: rule.before_at(until).cloned(),
        }
    }

    /// Returns a key's theoretical arrival time at another rate: it has spent as many requests.
    #[cold]
    pub(super) fn tat(&self, head: &request::Parts, facts: &Facts, hash: u64, rate: &Rate) -> u64 {
        let old = self.quotas.get(self.quotas.find(head, facts, hash));
        let earlier = self.before.as_ref();
        let earlier = earlier.map_or(0, |before| before.tat(head, facts, hash, old));
        let tat = self.store.tat(hash).max(earlier);
        rate.convert(old, tat, self.until)
    }

    /// Whether something may not have refilled by then.
    pub(super) const fn counts_at(&self, now: u64) -> bool {
        now < self.full_at
    }

    /// How many tables there are.
    pub(super) fn depth(&self) -> usize {
        1 + self.before.as_ref().map_or(0, |before| before.depth())
    }

    pub(super) fn bytes(&self) -> usize {
        let before = self.before.as_ref();
        self.store.bytes() + before.map_or(0, |before| before.bytes())
    }
}

/// Tables of policies that were in force one after the other, each while the one before counted.
pub(super) const DEEPEST: usize = 16;
