use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderName, request};
use portcullis_core::{
    BoxError, Count, Counts, Facts, Guard, Need, QuotaStore, Rejection, RejectionKind, Reply,
    Standing, Verdict,
};
use tokio::time::timeout;

use super::{
    breaker::{Breaker, Change},
    lease::Leases,
};
use crate::rate_limit::{
    RateLimit,
    rules::Rules,
    spendings::{MAX_POLICIES, Spendings},
};

/// Admits requests until a quota is spent that other processes spend too. Made by
/// [`RateLimit::shared`]. Clones share everything.
#[derive(Clone)]
pub struct SharedRateLimit<Q> {
    limit: RateLimit,
    store: Q,
    pub(super) state: Arc<State>,
}

/// What becomes of requests while the store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum OnFailure {
    /// This process counts alone, with the same quotas, from what it last knew.
    #[default]
    Local,
    /// Requests pass, uncounted.
    Open,
    /// Requests are answered with 503.
    Closed,
}

/// What clones share.
pub(super) struct State {
    on_failure: OnFailure,
    time_limit: Duration,
    breaker: Breaker,
    pub(super) leases: Option<Leases>,
    asked: AtomicU64,
    failed: AtomicU64,
}

// ===== impl SharedRateLimit =====

impl RateLimit {
    /// Shares the quotas with other processes, through a store.
    pub fn shared<Q: QuotaStore>(self, store: Q) -> SharedRateLimit<Q> {
        SharedRateLimit {
            limit: self,
            store,
            state: Arc::new(State::new(OnFailure::default(), TIME_LIMIT, None)),
        }
    }
}

impl<Q> SharedRateLimit<Q> {
    /// Sets what becomes of requests while the store does not answer. [`OnFailure::Local`] by
    /// default.
    #[must_use]
    pub fn with_on_failure(self, on_failure: OnFailure) -> Self {
        let State { time_limit, .. } = *self.state;
        let lease = self.lease();
        self.with(State::new(on_failure, time_limit, lease))
    }

    /// Sets how long the store may take. 50 ms by default: more would be felt, less is a slow packet.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        let State { on_failure, .. } = *self.state;
        let lease = self.lease();
        self.with(State::new(on_failure, time_limit, lease))
    }

    /// Takes so many requests of a key's quota at once, and spends them here without asking. Off
    /// by default.
    ///
    /// What is taken is spent or lost within a second. A client may be served up to `requests` - 1
    /// more in each process than its burst and rate allow at once, never more in the long run.
    #[must_use]
    pub fn with_lease(self, requests: u32) -> Self {
        let State {
            on_failure,
            time_limit,
            ..
        } = *self.state;
        let lease = Some(requests).filter(|requests| *requests > 1);
        self.with(State::new(on_failure, time_limit, lease))
    }

    /// Returns the limit, as this process counts it alone.
    #[must_use]
    pub const fn limit(&self) -> &RateLimit {
        &self.limit
    }

    /// Returns how long the store may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.state.time_limit
    }

    /// Returns how many requests are leased at once, if any.
    #[must_use]
    pub fn lease(&self) -> Option<u32> {
        self.state.leases.as_ref().map(Leases::size)
    }

    fn with(self, state: State) -> Self {
        Self {
            state: Arc::new(state),
            ..self
        }
    }
}

impl<Q: QuotaStore> Guard for SharedRateLimit<Q> {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let rules = self.limit.rules.get();
        let facts = Facts::of(&head.extensions);
        let now = rules.clock.of_request(facts);
        let mut spendings = rules.spendings::<MAX_POLICIES>(head, facts, now);
        let is_known = rules.is_unlimited(&spendings)
            || self.state.spend_lease(&rules, &mut spendings, now)
            || rules.peek_all(&mut spendings, now);
        rules.spend_where(&mut spendings, now, |rule| rule.policy.dry_run);
        if is_known {
            return rules.judge(&spendings, reply);
        }
        if !self.state.breaker.may_ask(now) {
            return self.state.go_on_alone(&rules, spendings, now, reply);
        }
        self.state.asked.fetch_add(1, Relaxed);
        let requests = self.lease().unwrap_or(1);
        let charges = rules.charges(&spendings, head, requests);
        let answer = timeout(self.state.time_limit, self.store.spend(charges));
        let state = Arc::clone(&self.state);
        Verdict::defer(answer, move |answer, _, reply| {
            let answer = answer.unwrap_or_else(|late| Err(late.into()));
            state.on_answer(&rules, spendings, now, answer, reply)
        })
    }

    fn describe(&self) -> String {
        let (limit, on_failure) = (self.limit.describe(), self.state.on_failure);
        format!("{limit}; shared, on failure {on_failure}")
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.limit.writes()
    }

    fn needs(&self) -> &'static [Need] {
        self.limit.needs()
    }

    fn counts(&self) -> Vec<Count> {
        let State {
            asked,
            failed,
            breaker,
            ..
        } = &*self.state;
        let mut counts = Guard::counts(&self.limit);
        counts.extend([
            Count::total(
                "portcullis_rate_limit_store_requests",
                "Requests for which the shared store was asked",
                asked.load(Relaxed),
            ),
            Count::total(
                "portcullis_rate_limit_store_failures",
                "Requests for which the shared store gave an error, or no answer in time",
                failed.load(Relaxed),
            ),
            Count::gauge(
                "portcullis_rate_limit_store_up",
                "Whether the shared store answers: 1, or 0 while it is given a rest",
                u64::from(!breaker.is_open()),
            ),
        ]);
        counts
    }
}

/// A page of metrics may ask the limit itself.
impl<Q: QuotaStore> Counts for SharedRateLimit<Q> {
    fn counts(&self) -> Vec<Count> {
        Guard::counts(self)
    }
}

impl<Q> fmt::Debug for SharedRateLimit<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRateLimit")
            .field("limit", &self.limit)
            .field("on_failure", &self.state.on_failure)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Open => "open",
            Self::Closed => "closed",
        })
    }
}

// ===== impl State =====

impl State {
    fn new(on_failure: OnFailure, time_limit: Duration, lease: Option<u32>) -> Self {
        Self {
            on_failure,
            time_limit,
            breaker: Breaker::default(),
            leases: lease.map(Leases::new),
            asked: AtomicU64::default(),
            failed: AtomicU64::default(),
        }
    }

    /// What the store's answer comes to.
    pub(super) fn on_answer(
        &self,
        rules: &Rules,
        mut spendings: Spendings<MAX_POLICIES>,
        now: u64,
        answer: Result<Vec<Standing>, BoxError>,
        reply: &mut Reply,
    ) -> Verdict {
        let standings = match answer {
            Ok(standings) if standings.len() == rules.enforced(&spendings) => standings,
            Ok(_) => {
                let why = &"an answer of another length";
                return self.on_failure(rules, spendings, now, why, reply);
            }
            Err(error) => return self.on_failure(rules, spendings, now, &error, reply),
        };
        if self.breaker.succeeded() == Change::Closed {
            tracing::info!(target: "portcullis", "the shared limit's store answers again");
        }
        if let Some(leases) = &self.leases {
            leases.grant(rules, &spendings, &standings, now);
        }
        rules.learn(&mut spendings, &standings, now);
        rules.judge(&spendings, reply)
    }

    fn on_failure(
        &self,
        rules: &Rules,
        spendings: Spendings<MAX_POLICIES>,
        now: u64,
        why: &dyn fmt::Display,
        reply: &mut Reply,
    ) -> Verdict {
        self.failed.fetch_add(1, Relaxed);
        if self.breaker.failed(rules.clock.now()) == Change::Opened {
            tracing::warn!(
                target: "portcullis",
                error = %why,
                "the shared limit's store does not answer; on failure: {}", self.on_failure
            );
        }
        self.go_on_alone(rules, spendings, now, reply)
    }

    fn go_on_alone(
        &self,
        rules: &Rules,
        mut spendings: Spendings<MAX_POLICIES>,
        now: u64,
        reply: &mut Reply,
    ) -> Verdict {
        match self.on_failure {
            OnFailure::Local => {
                rules.spend_where(&mut spendings, now, |rule| !rule.policy.dry_run);
                rules.judge(&spendings, reply)
            }
            OnFailure::Open => Verdict::Admit,
            OnFailure::Closed => Rejection::new(RejectionKind::Unavailable)
                .with_detail("The limit of requests can't be checked")
                .with_retry_after(Duration::from_secs(1))
                .into(),
        }
    }

    fn spend_lease(
        &self,
        rules: &Rules,
        spendings: &mut Spendings<MAX_POLICIES>,
        now: u64,
    ) -> bool {
        let leases = self.leases.as_ref();
        leases.is_some_and(|leases| leases.spend(rules, spendings, now))
    }
}

const TIME_LIMIT: Duration = Duration::from_millis(50);
