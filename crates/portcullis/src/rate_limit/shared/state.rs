//! What clones of a shared limit share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::request;
use portcullis_core::{BoxError, Live, Rejection, RejectionKind, Reply, Standing, Verdict};

use super::{
    breaker::{Breaker, Change},
    lease::Leases,
};
use crate::rate_limit::{
    charges::{Charges, MAX_POLICIES},
    fields::Fields,
    rules::Rules,
};

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
    pub(super) on_failure: OnFailure,
    pub(super) time_limit: Duration,
    pub(super) breaker: Breaker,
    pub(super) leases: Option<Leases>,
    pub(super) asked: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// A request that the store may be asked about.
pub(super) struct Asked {
    /// What is in force later.
    pub(super) live: Live<Rules>,
    pub(super) rules: Arc<Rules>,
    pub(super) fields: Fields,
    pub(super) charges: Charges<MAX_POLICIES>,
    pub(super) now: u64,
}

// ===== impl OnFailure =====

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
    pub(super) fn new(on_failure: OnFailure, time_limit: Duration, lease: Option<u32>) -> Self {
        Self {
            on_failure,
            time_limit,
            breaker: Breaker::default(),
            leases: lease.map(Leases::new),
            asked: AtomicU64::default(),
            failed: AtomicU64::default(),
        }
    }

    /// Decides what can be decided without the store: if nothing is in force, if the request is leased,
    /// or if it is over a quota already. Returns whether it was.
    pub(super) fn knows(&self, asked: &mut Asked) -> bool {
        let Asked {
            rules,
            charges,
            now,
            ..
        } = asked;
        if rules.is_unlimited(charges) || self.spend_lease(rules, charges, *now) {
            return true;
        }
        let is_over = rules.look(charges, *now);
        if is_over {
            rules.complete(charges, *now);
        }
        is_over
    }

    /// Takes the store's answer. Returns whether it is one.
    pub(super) fn learn(&self, asked: &mut Asked, answer: Result<Vec<Standing>, BoxError>) -> bool {
        let standings = match answer {
            Ok(standings) if standings.len() == asked.rules.enforced(&asked.charges) => standings,
            Ok(_) => {
                self.on_failure(&asked.rules, &"an answer of another length");
                return false;
            }
            Err(error) => {
                self.on_failure(&asked.rules, &error);
                return false;
            }
        };
        if self.breaker.succeeded() == Change::Closed {
            tracing::info!(target: "portcullis", "the shared limit's store answers again");
        }
        if let Some(leases) = &self.leases {
            leases.grant(&asked.rules, &asked.charges, &standings, asked.now);
        }
        asked.rules.learn(&mut asked.charges, &standings, asked.now);
        true
    }

    fn on_failure(&self, rules: &Rules, why: &dyn fmt::Display) {
        self.failed.fetch_add(1, Relaxed);
        if self.breaker.failed(rules.clock.now()) == Change::Opened {
            tracing::warn!(
                target: "portcullis",
                error = %why,
                "the shared limit's store does not answer; on failure: {}", self.on_failure
            );
        }
    }

    /// Decides without the store.
    pub(super) fn go_on_alone(
        &self,
        mut asked: Asked,
        head: &request::Parts,
        reply: &mut Reply,
    ) -> Verdict {
        match self.on_failure {
            OnFailure::Local => {
                let Asked {
                    rules,
                    charges,
                    now,
                    ..
                } = &mut asked;
                rules.spend_where(charges, *now, |rule| !rule.policy.dry_run);
                asked.judge(head, reply)
            }
            OnFailure::Open => Verdict::Admit,
            OnFailure::Closed => Rejection::new(RejectionKind::Unavailable)
                .with_layer("rate_limit")
                .with_detail("The limit of requests can't be checked")
                .with_retry_after(Duration::from_secs(1))
                .into(),
        }
    }

    fn spend_lease(&self, rules: &Rules, charges: &mut Charges<MAX_POLICIES>, now: u64) -> bool {
        let leases = self.leases.as_ref();
        leases.is_some_and(|leases| leases.spend(rules, charges, now))
    }
}

// ===== impl Asked =====

impl Asked {
    /// What comes of it. Dry runs spend too, unless it is refused, and this process charges the rest.
    pub(super) fn judge(&mut self, head: &request::Parts, reply: &mut Reply) -> Verdict {
        let Self {
            live,
            rules,
            charges,
            now,
            ..
        } = self;
        if !rules.refuses(charges) {
            rules.spend_where(charges, *now, |rule| rule.policy.dry_run);
        }
        let verdict = self.fields.judge(rules, charges, head, reply);
        if verdict.is_admit() {
            rules.charge_later(live, charges, *now, reply);
        }
        verdict
    }
}
