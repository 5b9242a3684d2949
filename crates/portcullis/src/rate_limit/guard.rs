use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderName, request};
use portcullis_core::{
    ConfigError, Count, Counts, Facts, Guard, Live, Need, Quota, Reply, Verdict,
};

use super::{
    KeyBy,
    limiter::MAX_KEYS,
    policy::Policy,
    report::{HeaderDraft, Report},
    rule::Rule,
    rules::Rules,
    spendings::{MAX_POLICIES, Spendings},
};

/// Admits requests until a quota is spent. Clones share the counters.
#[derive(Clone)]
pub struct RateLimit {
    pub(super) rules: Live<Rules>,
    /// One change after the other.
    changing: Arc<Mutex<()>>,
}

// ===== impl RateLimit =====

impl RateLimit {
    /// Creates a limit that gives each client address a quota, under the name `default`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::checked(vec![Policy::new("default", quota)])
    }

    /// Counts known callers: gives each principal a quota, under the name `principal`.
    #[must_use]
    pub fn by_principal(quota: Quota) -> Self {
        Self::checked(vec![Policy::new("principal", quota).by(KeyBy::principal())])
    }

    /// Creates a limit of several policies. The strictest wins; all that count a request are told.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong: more than eight policies, two of one name, and what is wrong
    /// with each of them.
    pub fn try_new(policies: impl IntoIterator<Item = Policy>) -> Result<Self, ConfigError> {
        let policies: Vec<_> = policies.into_iter().collect();
        Rules::check(&policies)?;
        Ok(Self::checked(policies))
    }

    /// Sets the room: places, in each policy, for so many keys that have spent something at the same
    /// time. 16 bytes each, taken now. 65,536 by default.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        self.rebuilt(|keys, _| *keys = max_keys)
    }

    /// Sets the draft of the `RateLimit` fields; `None` leaves them out. Draft 10 by default.
    #[must_use]
    pub fn headers(self, draft: Option<HeaderDraft>) -> Self {
        self.rebuilt(|_, report| report.draft = draft)
    }

    /// Also sends `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the seconds until there is more,
    /// of the strictest policy. Off by default: no standard says what they mean.
    #[must_use]
    pub fn legacy_headers(self, on: bool) -> Self {
        self.rebuilt(|_, report| report.legacy = on)
    }

    /// Whether `Retry-After` is later than it must be by a random time: up to a tenth, and at least
    /// up to a second. On by default: clients that were refused together do not return together.
    #[must_use]
    pub fn jitter(self, on: bool) -> Self {
        self.rebuilt(|_, report| report.jitter = on)
    }

    /// Replaces the policies while requests are served. What was spent under a policy counts under
    /// the new one of the same name and key, tier by tier: it has spent as many requests, and at most
    /// a burst. A request that is being judged is judged by the old policies, and counts under the
    /// new.
    ///
    /// The table of earlier quotas is kept until policies change again and nothing can be owed in it
    /// any more: after a window of the quotas that followed.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, and leaves the old policies in force. Also for a policy
    /// whose quotas were changed 16 times, each while something was owed of the one before.
    pub fn set_policies(
        &self,
        policies: impl IntoIterator<Item = Policy>,
    ) -> Result<(), ConfigError> {
        let now = self.rules.load().clock.now();
        self.set_policies_at(policies, now)
    }

    pub(super) fn set_policies_at(
        &self,
        policies: impl IntoIterator<Item = Policy>,
        now: u64,
    ) -> Result<(), ConfigError> {
        let policies: Vec<_> = policies.into_iter().collect();
        Rules::check(&policies)?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.rules.get();
        let report = old.report.clone();
        let new = Rules::new(policies, report, old.max_keys(), Some((&old, now)));
        new.check_depth()?;
        self.rules.store(new);
        Ok(())
    }

    /// Returns what [`set_policies`](Self::set_policies) would return.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong.
    pub fn check_policies(policies: &[Policy]) -> Result<(), ConfigError> {
        Rules::check(policies)
    }

    /// Returns how many bytes the counters take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rules = self.rules.load();
        rules.rules.iter().map(Rule::bytes).sum()
    }

    /// Policies that have been checked, or that have nothing which could be wrong.
    fn checked(policies: Vec<Policy>) -> Self {
        Self::with(Rules::new(policies, Report::DEFAULT, MAX_KEYS, None))
    }

    fn with(rules: Rules) -> Self {
        Self {
            rules: Live::new(rules),
            changing: Arc::default(),
        }
    }

    fn rebuilt(self, change: impl FnOnce(&mut usize, &mut Report)) -> Self {
        let old = self.rules.get();
        let (mut max_keys, mut report) = (old.max_keys(), old.report.clone());
        change(&mut max_keys, &mut report);
        let policies = old.rules.iter().map(|rule| rule.policy.clone()).collect();
        Self::with(Rules::new(
            policies,
            report,
            max_keys,
            Some((&old, old.clock.now())),
        ))
    }
}

impl Guard for RateLimit {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let rules = self.rules.load();
        // One policy is the usual case, and needs the least room.
        if rules.rules.len() <= 1 {
            rules.admit::<1>(head, reply)
        } else {
            rules.admit::<MAX_POLICIES>(head, reply)
        }
    }

    fn describe(&self) -> String {
        let rules = self.rules.load();
        let policies = rules.rules.iter();
        let policies = policies.map(|rule| format!("{}{}", rule.policy, rule.tally.unknown));
        policies.collect::<Vec<_>>().join(", ")
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.rules.load().report.names().collect()
    }

    fn needs(&self) -> &'static [Need] {
        let rules = self.rules.load();
        Need::list(|need| {
            rules
                .rules
                .iter()
                .flat_map(Rule::needs)
                .any(|own| own == need)
        })
    }

    fn counts(&self) -> Vec<Count> {
        let rules = self.rules.load();
        let counts = rules.rules.iter().flat_map(Rule::counts);
        counts.collect()
    }
}

/// A page of metrics may ask the limit itself.
impl Counts for RateLimit {
    fn counts(&self) -> Vec<Count> {
        Guard::counts(self)
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
    fn admit<const N: usize>(&self, head: &request::Parts, reply: &mut Reply) -> Verdict {
        let facts = Facts::of(&head.extensions);
        let now = self.clock.of_request(facts);
        let mut spendings = self.spendings::<N>(head, facts, now);
        self.spend(&mut spendings, now);
        self.judge(&spendings, reply)
    }

    /// What comes of a request that stands so.
    #[inline]
    pub(super) fn judge<const N: usize>(
        &self,
        spendings: &Spendings<N>,
        reply: &mut Reply,
    ) -> Verdict {
        self.report.write(self, spendings, reply);
        self.tally(spendings);
        if self.is_refused(spendings) {
            return self.report.refuse(self, spendings).into();
        }
        Verdict::Admit
    }
}
