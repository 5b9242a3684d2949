use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderName, request};
use portcullis_core::{Count, Counts, Facts, Guard, Need, QuotaStore, Reply, Verdict};
use tokio::time::timeout;

use super::{
    OnFailure,
    after::charge_later,
    lease::Leases,
    state::{Asked, State},
};
use crate::rate_limit::RateLimit;

/// Admits requests until a quota is spent that other processes spend too. Made by
/// [`RateLimit::shared`]. Clones share everything.
#[derive(Clone)]
pub struct SharedRateLimit<Q> {
    limit: RateLimit,
    store: Q,
    pub(super) state: Arc<State>,
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

impl<Q: QuotaStore> SharedRateLimit<Q> {
    /// Asks the store.
    fn ask(&self, mut asked: Asked, head: &request::Parts) -> Verdict {
        self.state.asked.fetch_add(1, Relaxed);
        let requests = self.lease().unwrap_or(1);
        let charges = asked.rules.shared_charges(&asked.charges, head, requests);
        let answer = timeout(self.state.time_limit, self.store.spend(charges));
        let limit = self.clone();
        Verdict::defer(answer, move |answer, head, reply| {
            let answer = answer.unwrap_or_else(|late| Err(late.into()));
            if !limit.state.learn(&mut asked, answer) {
                return limit.state.go_on_alone(asked, head, reply);
            }
            let verdict = asked.judge(head, reply);
            limit.or_charge_later(verdict, &asked, head, reply)
        })
    }

    /// Has the store charged the rest, once it is known what came of a request that is admitted.
    fn or_charge_later(
        &self,
        verdict: Verdict,
        asked: &Asked,
        head: &request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        if verdict.is_admit() {
            charge_later(&self.store, &self.state, asked, head, reply);
        }
        verdict
    }
}

impl<Q: QuotaStore> Guard for SharedRateLimit<Q> {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let rules = self.limit.rules.get();
        let facts = Facts::of(&head.extensions);
        let now = rules.clock.of_request(facts);
        let charges = rules.charges(head, facts, now);
        let mut asked = Asked {
            live: self.limit.rules.clone(),
            rules,
            fields: self.limit.fields,
            charges,
            now,
        };
        if self.state.knows(&mut asked) {
            let verdict = asked.judge(head, reply);
            return self.or_charge_later(verdict, &asked, head, reply);
        }
        if !self.state.breaker.may_ask(now) {
            return self.state.go_on_alone(asked, head, reply);
        }
        self.ask(asked, head)
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
        let own = [
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
        ];
        let own = own.map(|count| count.counted_by(&*self.state));
        let mut counts = Guard::counts(&self.limit);
        counts.extend(own);
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

const TIME_LIMIT: Duration = Duration::from_millis(50);
