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
    charges::{Charges, MAX_POLICIES},
    fields::{Fields, HeaderDraft},
    policy::Policy,
    rules::{Rule, Rules},
};

/// Admits requests until a quota is spent. Clones share the counters.
#[derive(Clone)]
pub struct RateLimit {
    pub(super) rules: Live<Rules>,
    pub(super) fields: Fields,
    max_keys: usize,
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

    /// Creates a limit that gives each principal a quota, under the name `principal`. Requests without
    /// one, as on a public path, are counted by address: see [`KeyBy::principal`].
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

    /// Sets the room: in each policy for so many keys that have spent something at the same time, of which
    /// [a few](super::Limiter::with_keys) find no place. 16 bytes each, taken now. 65,536 by default. Forgets what was spent, and shares nothing
    /// with clones made before.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        let old = self.rules.load();
        let policies = old.rules.iter().map(|rule| rule.policy.clone()).collect();
        Self {
            fields: self.fields,
            ..Self::with(policies, max_keys)
        }
    }

    /// Sets the draft of the `RateLimit` fields; `None` leaves them out. Draft 10 by default.
    #[must_use]
    pub fn headers(mut self, draft: impl Into<Option<HeaderDraft>>) -> Self {
        self.fields.draft = draft.into();
        self
    }

    /// Also sends `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the seconds until there is more,
    /// of the strictest policy. Off by default: no standard says what they mean.
    #[must_use]
    pub const fn legacy_headers(mut self, on: bool) -> Self {
        self.fields.legacy = on;
        self
    }

    /// Whether `Retry-After` is later than it must be by a random time: up to a tenth, and at least
    /// up to a second. On by default: clients that were refused together do not return together.
    #[must_use]
    pub const fn jitter(mut self, on: bool) -> Self {
        self.fields.jitter = on;
        self
    }

    /// Replaces the policies while requests are served. What was spent under a policy counts under
    /// the new one of the same name and key, tier by tier: it has spent as many requests, and at most
    /// a burst. A request that is being judged is judged by the old policies, and counts under the
    /// new.
    ///
    /// The table of earlier quotas is kept until policies change again and everything has refilled in
    /// it: after a window of the quotas that followed.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong, and leaves the old policies in force. What an edge looks at when
    /// it is built, such as that a limit by principal is below authentication, is not looked at again.
    /// Also for a policy
    /// whose quotas were changed 16 times, each while the one before counted.
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
        let new = Rules::new(policies, self.max_keys, Some((&old, now)));
        new.check_depth()?;
        self.rules.store(new);
        Ok(())
    }

    /// Returns what [`set_policies`](Self::set_policies) would return, but for changes that are too many.
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
        Self::with(policies, MAX_KEYS)
    }

    fn with(policies: Vec<Policy>, max_keys: usize) -> Self {
        Self {
            rules: Live::new(Rules::new(policies, max_keys, None)),
            fields: Fields::DEFAULT,
            max_keys,
            changing: Arc::default(),
        }
    }

    #[inline]
    fn admit_by<const N: usize>(
        &self,
        rules: &Rules,
        head: &request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        let facts = Facts::of(&head.extensions);
        let now = rules.clock.of_request(facts);
        let mut charges = rules.charges::<N>(head, facts, now);
        rules.decide(&mut charges, now);
        let verdict = self.fields.judge(rules, &charges, head, reply);
        if verdict.is_admit() {
            rules.charge_later(&self.rules, &charges, now, reply);
        }
        verdict
    }
}

impl Guard for RateLimit {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let rules = self.rules.load();
        // One policy is the usual case, and needs the least room.
        if rules.rules.len() <= 1 {
            self.admit_by::<1>(&rules, head, reply)
        } else {
            self.admit_by::<MAX_POLICIES>(&rules, head, reply)
        }
    }

    fn describe(&self) -> String {
        let rules = self.rules.load();
        let policies = rules.rules.iter();
        let policies = policies.map(|rule| format!("{}{}", rule.policy, rule.tally.unknown));
        policies.collect::<Vec<_>>().join(", ")
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.fields.names().collect()
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

// ===== impl Fields =====

impl Fields {
    /// What comes of a request that was decided so.
    #[inline]
    pub(super) fn judge<const N: usize>(
        self,
        rules: &Rules,
        charges: &Charges<N>,
        head: &request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        self.write(rules, charges, reply);
        rules.tally(charges, head);
        if rules.refuses(charges) {
            return self.refuse(rules, charges).into();
        }
        Verdict::Admit
    }
}

/// By default, for each policy.
pub(super) const MAX_KEYS: usize = 1 << 16;
