//! Policies, ready to count.

use std::sync::Arc;

use portcullis_core::{ConfigError, Count, Need};

use super::{
    charges::MAX_POLICIES,
    clock::Clock,
    fields,
    policy::Policy,
    quotas::{Before, DEEPEST, Quotas},
    store::Store,
    tally::Tally,
};

/// Policies, with what keys have spent of them.
pub(super) struct Rules {
    pub(super) rules: Box<[Rule]>,
    pub(super) clock: Clock,
    /// `RateLimit-Policy`, where it is the same for all requests.
    pub(super) policy_field: Option<Box<[u8]>>,
}

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

// ===== impl Rules =====

impl Rules {
    /// Creates tables for so many keys for each policy, or takes those over of a policy of the same
    /// name and key. The policies have been [checked](Self::check).
    pub(super) fn new(policies: Vec<Policy>, max_keys: usize, old: Option<(&Self, u64)>) -> Self {
        let rule = |policy| Rule::new(policy, max_keys, old);
        let rules: Box<[Rule]> = policies.into_iter().map(rule).collect();
        Self {
            policy_field: fields::fixed_policy(&rules),
            rules,
            clock: old.map_or_else(Clock::new, |(old, _)| old.clock),
        }
    }

    pub(super) fn check(policies: &[Policy]) -> Result<(), ConfigError> {
        ConfigError::check(problems(policies))
    }

    /// Checks that few enough tables are kept of what policies were.
    pub(super) fn check_depth(&self) -> Result<(), ConfigError> {
        let too_deep = self.rules.iter().filter(|rule| rule.depth() > DEEPEST);
        let problem = |rule: &Rule| {
            let name = &rule.policy.name;
            format!(
                "policy {name:?}: its quotas were changed {DEEPEST} times, each while the one before counted"
            )
        };
        ConfigError::check(too_deep.map(problem).collect())
    }
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

    /// Returns a key's theoretical arrival time by what was spent before the quotas were changed, at
    /// the rate that `find` finds.
    #[inline]
    pub(super) fn floor(&self, find: impl Fn(&Quotas) -> Option<u32>, hash: u64, now: u64) -> u64 {
        self.before_at(now).map_or(0, |before| {
            before.tat(&find, hash, self.quotas.get(find(&self.quotas)))
        })
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
        counts.map(|count| {
            let count = count.label("policy", name.to_string());
            count.counted_by(&*self.tally)
        })
    }
}

/// Everything that is wrong with policies, each by itself and together.
fn problems(policies: &[Policy]) -> Vec<String> {
    let mut problems: Vec<_> = policies.iter().flat_map(Policy::problems).collect();
    let mut names: Vec<_> = policies.iter().map(|policy| &policy.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]);
    problems.extend(twice.map(|pair| format!("rate limit: two policies are called {:?}", pair[0])));
    if policies.len() > MAX_POLICIES {
        problems.push(format!("rate limit: more than {MAX_POLICIES} policies"));
    }
    problems
}
