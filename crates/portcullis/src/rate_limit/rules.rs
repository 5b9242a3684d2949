//! Policies, ready to count.

use portcullis_core::ConfigError;

use super::{
    before::DEEPEST, charges::MAX_POLICIES, clock::Clock, fields, policy::Policy, rule::Rule,
};

/// Policies, with what keys have spent of them.
pub(super) struct Rules {
    pub(super) rules: Box<[Rule]>,
    pub(super) clock: Clock,
    /// `RateLimit-Policy`, where it is the same for all requests.
    pub(super) policy_field: Option<Box<[u8]>>,
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
