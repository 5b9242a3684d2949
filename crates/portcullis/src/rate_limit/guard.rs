use std::{fmt, future::Pending};

use http::{request, response};
use portcullis_core::{
    ConfigError, Count, Counts, Facts, Guard, Live, Permit, Quota, Rejection, Verdict,
};

use super::{
    limiter::MAX_KEYS,
    policy::Policy,
    report::{Fields, HeaderDraft, Report},
    rules::{MAX_POLICIES, Rule, Rules, Spendings},
};

/// Admits requests until a quota is spent. Clones share the counters.
#[derive(Clone)]
pub struct RateLimit {
    pub(super) rules: Live<Rules>,
}

/// What a request has spent. Tells the client what is left.
#[derive(Default)]
pub struct Spent {
    fields: Fields,
}

// ===== impl RateLimit =====

impl RateLimit {
    /// Gives each client address a quota, under the name `default`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        // One policy of a good name is always right.
        Self::of([Policy::new("default", quota)]).unwrap_or_else(|_| Self::nothing())
    }

    /// Counts by several policies. The strictest wins; all that count a request are told.
    ///
    /// # Errors
    ///
    /// Names everything that is wrong: more than eight policies, two of one name, and what is wrong
    /// with each of them.
    pub fn of(policies: impl IntoIterator<Item = Policy>) -> Result<Self, ConfigError> {
        let policies = policies.into_iter().collect();
        let rules = Rules::new(policies, Report::DEFAULT, MAX_KEYS, None)?;
        Ok(Self {
            rules: Live::new(rules),
        })
    }

    /// Has places, in each policy, for so many keys that owe something at the same time. 16 bytes
    /// each, taken now. 65,536 by default.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        self.rebuilt(max_keys, |_| {})
    }

    /// Chooses the draft of the `RateLimit` fields; `None` leaves them out. Draft 10 by default.
    #[must_use]
    pub fn headers(self, draft: Option<HeaderDraft>) -> Self {
        let max_keys = self.rules.load().max_keys();
        self.rebuilt(max_keys, |report| report.draft = draft)
    }

    /// Also sends `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the seconds until there is more,
    /// of the strictest policy. Off by default: no standard says what they mean.
    #[must_use]
    pub fn legacy_headers(self, on: bool) -> Self {
        let max_keys = self.rules.load().max_keys();
        self.rebuilt(max_keys, |report| report.legacy = on)
    }

    /// Whether `Retry-After` is later than it must be by a random time: up to a tenth, and at least
    /// up to a second. On by default: clients that were refused together do not return together.
    #[must_use]
    pub fn jitter(self, on: bool) -> Self {
        let max_keys = self.rules.load().max_keys();
        self.rebuilt(max_keys, |report| report.jitter = on)
    }

    /// Replaces the policies while requests are served. What was spent under a policy counts under
    /// the new one of the same name and key: it has spent as many requests.
    ///
    /// # Errors
    ///
    /// Names everything that is wrong, and leaves the old policies in force.
    pub fn set_policies(
        &self,
        policies: impl IntoIterator<Item = Policy>,
    ) -> Result<(), ConfigError> {
        let old = self.rules.get();
        let policies = policies.into_iter().collect();
        let rules = Rules::new(policies, old.report.clone(), old.max_keys(), Some(&old))?;
        self.rules.store(rules);
        Ok(())
    }

    /// What [`set_policies`](Self::set_policies) would say.
    ///
    /// # Errors
    ///
    /// Names everything that is wrong.
    pub fn check_policies(policies: &[Policy]) -> Result<(), ConfigError> {
        Rules::check(policies)
    }

    /// How many bytes the counters take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rules = self.rules.load();
        rules.rules.iter().map(|rule| rule.counters.bytes()).sum()
    }

    fn nothing() -> Self {
        Self {
            rules: Live::new(Rules::none()),
        }
    }

    fn rebuilt(self, max_keys: usize, change: impl FnOnce(&mut Report)) -> Self {
        let old = self.rules.get();
        let mut report = old.report.clone();
        change(&mut report);
        let policies = old.rules.iter().map(|rule| rule.policy.clone()).collect();
        // They were right before.
        if let Ok(rules) = Rules::new(policies, report, max_keys, Some(&old)) {
            return Self {
                rules: Live::new(rules),
            };
        }
        self
    }
}

impl Guard for RateLimit {
    type Permit = Spent;
    type Future = Pending<Result<Spent, Rejection>>;

    #[inline]
    fn admit(&self, head: &request::Parts) -> Verdict<Spent, Self::Future> {
        let rules = self.rules.load();
        // One policy is the usual case, and needs the least room.
        let judged = match rules.rules.len() {
            0 | 1 => rules.admit::<1>(head),
            _ => rules.admit::<MAX_POLICIES>(head),
        };
        match judged {
            Ok(spent) => Verdict::Admit(spent),
            Err(rejection) => Verdict::Reject(rejection),
        }
    }

    fn describe(&self) -> String {
        let rules = self.rules.load();
        let policies = rules.rules.iter().map(|rule| rule.policy.to_string());
        policies.collect::<Vec<_>>().join(", ")
    }
}

impl Counts for RateLimit {
    fn counts(&self) -> Vec<Count> {
        let rules = self.rules.load();
        let counts = rules.rules.iter().flat_map(Rule::counts);
        counts.collect()
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({})", self.describe())
    }
}

// ===== impl Rules =====

impl Rules {
    #[inline]
    fn admit<const N: usize>(&self, head: &request::Parts) -> Result<Spent, Rejection> {
        let facts = Facts::of(&head.extensions);
        let mut spendings = self.spendings::<N>(head, facts);
        let now = self.clock.of_request(facts);
        self.spend(&mut spendings, now);
        self.judge(&spendings)
    }

    /// What comes of a request that stands so.
    #[inline]
    pub(super) fn judge<const N: usize>(
        &self,
        spendings: &Spendings<N>,
    ) -> Result<Spent, Rejection> {
        if spendings.iter().any(|(_, standing)| standing.is_err()) {
            self.tally(spendings);
            if self.is_refused(spendings) {
                return Err(self.report.refuse(self, spendings));
            }
        }
        Ok(Spent {
            fields: self.report.fields(self, spendings),
        })
    }
}

// ===== impl Spent =====

impl Permit for Spent {
    #[inline]
    fn on_response(&mut self, head: &mut response::Parts) {
        self.fields.insert_into(&mut head.headers);
    }
}

impl fmt::Debug for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spent").finish_non_exhaustive()
    }
}
