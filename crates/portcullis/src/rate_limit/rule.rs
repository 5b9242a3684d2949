//! One policy, ready to count.

use std::sync::Arc;

use portcullis_core::{Count, Need};

use super::{
    before::Before, policy::Policy, quotas::Quotas, rules::Rules, store::Store, tally::Tally,
};

/// One policy, with what keys have spent of it.
pub(super) struct Rule {
    pub(super) policy: Policy,
    /// How its item of `RateLimit` begins.
    pub(super) start: Box<str>,
    pub(super) quotas: Arc<Quotas>,
    pub(super) store: Arc<Store>,
    /// What was spent before the quotas were changed.
    pub(super) before: Option<Arc<Before>>,
    pub(super) tally: Arc<Tally>,
}

// ===== impl Rule =====

impl Rule {
    /// Goes on where a policy of the same name and key stopped, if there is one.
    pub(super) fn new(policy: Policy, max_keys: usize, old: Option<(&Rules, u64)>) -> Self {
        let same = old.and_then(|(old, now)| {
            let mut rules = old.rules.iter();
            Some((rules.find(|rule| policy.continues(&rule.policy))?, now))
        });
        match same {
            Some((old, now)) => Self::following(old, policy, max_keys, now),
            None => Self::with(policy, Arc::new(Store::new(max_keys))),
        }
    }

    fn with(policy: Policy, store: Arc<Store>) -> Self {
        Self {
            start: format!("\"{}\";r=", policy.name).into(),
            quotas: Arc::new(Quotas::new(&policy, &store)),
            store,
            before: None,
            tally: Arc::default(),
            policy,
        }
    }

    fn following(old: &Self, policy: Policy, max_keys: usize, now: u64) -> Self {
        let mut rule = Self::with(policy, Arc::clone(&old.store));
        rule.tally = Arc::clone(&old.tally);
        if rule.quotas.are_same(&old.quotas) {
            rule.before = old.before.clone();
            return rule;
        }
        let before = Before::new(old, &rule.quotas, now);
        let new = Self::with(rule.policy, Arc::new(old.store.emptied(max_keys)));
        Self {
            before: Some(Arc::new(before)),
            tally: rule.tally,
            ..new
        }
    }

    /// Returns what was spent before the quotas were changed, if some of it counts then.
    pub(super) fn before_at(&self, now: u64) -> Option<&Arc<Before>> {
        self.before.as_ref().filter(|before| before.counts_at(now))
    }

    /// Returns how many tables are kept of what the policy was.
    pub(super) fn depth(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.depth())
    }

    /// Returns how many bytes the tables take.
    pub(super) fn bytes(&self) -> usize {
        let before = self.before.as_ref();
        self.store.bytes() + before.map_or(0, |before| before.bytes())
    }

    /// Returns what must be known of a request to count it.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> {
        let policy = &self.policy;
        let by_principal = !policy.tiers.is_empty() && policy.tier_by.is_none();
        let tier = by_principal.then_some(Need::Principal);
        policy.by.needs().iter().copied().chain(tier)
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = Count> {
        let own = [
            Count::total(
                "portcullis_rate_limit_overflow",
                "Requests of new keys that shared a quota because their part of the table was full",
                self.store.overflows(),
            ),
            Count::gauge(
                "portcullis_rate_limit_table_bytes",
                "Memory of a policy's tables: one, and those of earlier quotas",
                self.bytes() as u64,
            ),
        ];
        let name = &self.policy.name;
        let counts = self.tally.counts().into_iter().chain(own);
        counts.map(|count| count.label("policy", name.to_string()))
    }
}
