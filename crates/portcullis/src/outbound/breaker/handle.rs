use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Request, Response, StatusCode};
use portcullis_core::{Count, Counts};
use tokio::time::Instant;

use super::{
    BreakerConfig,
    circuit::{Circuit, Now, Outcome},
    config::KeyBy,
    counts::CallCounts,
    key::{normal, with_key},
    permit::Permit,
    settings::{Settings, nanos},
    table::Table,
};
use crate::outbound::{Open, retry_after::retry_after};

/// Circuit breakers, one for each upstream. Clones share them: a clone is a handle.
///
/// See the [module docs](crate::outbound) for what it does.
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

/// What the breaker of an upstream does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// It admits calls and counts failures.
    Closed,
    /// It refuses calls.
    Open,
    /// It admits a few calls, to see whether the upstream is back.
    HalfOpen,
}

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) slow_call: Option<u64>,
    is_failure: fn(StatusCode) -> bool,
    key_by: Option<KeyBy>,
    table: Table,
    started: Instant,
}

// ===== impl Breaker =====

impl Breaker {
    /// Creates breakers with the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&BreakerConfig::new())
    }

    /// The configuration has been checked.
    pub(in crate::outbound) fn with(config: &BreakerConfig) -> Self {
        Self(Arc::new(Shared {
            settings: config.settings(),
            slow_call: config.slow_call.map(nanos),
            is_failure: config.is_failure,
            key_by: config.key_by.clone(),
            table: Table::new(config.max_keys),
            started: Instant::now(),
        }))
    }

    /// Returns what the breaker of an upstream does with the next call. An upstream that was never
    /// called, or is forgotten, is closed.
    ///
    /// The key is an authority (`api.example:8443`), or what
    /// [`BreakerConfig::key_by`] makes of a request.
    #[must_use]
    pub fn state(&self, key: &str) -> BreakerState {
        match self.at(key) {
            Now::Closed => BreakerState::Closed,
            Now::Open(_) => BreakerState::Open,
            Now::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Returns what the breaker of an upstream has counted, if it is known.
    #[must_use]
    pub fn calls(&self, key: &str) -> Option<CallCounts> {
        let entry = self.0.table.get(&self.key(key))?;
        Some(entry.circuit.tally())
    }

    /// Fails while the breaker of an upstream refuses calls, for a check of
    /// [`Health`](crate::Health). Half-open is no failure: a process that gets no requests because it
    /// is not ready would never send a probe.
    ///
    /// # Errors
    ///
    /// The time until it admits a probe.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::ready;
    ///
    /// use portcullis::{Health, outbound::Breaker};
    ///
    /// let breaker = Breaker::new();
    /// let checked = breaker.clone();
    /// let health = Health::new()
    ///     .check("payments", move || ready(checked.check("payments.example")));
    /// # let _ = health;
    /// ```
    pub fn check(&self, key: &str) -> Result<(), Open> {
        match self.at(key) {
            Now::Open(left) => Err(Open::new(Duration::from_nanos(left))),
            Now::Closed | Now::HalfOpen => Ok(()),
        }
    }

    /// Admits a call. `Ok(None)` where the table has no place for its upstream.
    #[inline]
    pub(super) fn admit<B>(
        &self,
        request: Request<B>,
    ) -> (Request<B>, Result<Option<Permit>, Open>) {
        let shared = &self.0;
        with_key(request, shared.key_by.as_ref(), |key| {
            let entry = shared
                .table
                .get_or_insert(key, &shared.settings, || shared.now());
            entry.map(|entry| Permit::admit(shared, entry)).transpose()
        })
    }

    fn key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        match self.0.key_by {
            Some(_) => key.into(),
            None => normal(key),
        }
    }

    fn at(&self, key: &str) -> Now {
        let entry = self.0.table.get(&self.key(key));
        entry.map_or(Now::Closed, |entry| entry.circuit.at(self.0.now()))
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Breaker");
        debug.field("settings", &self.0.settings);
        debug.field("table", &self.0.table).finish_non_exhaustive()
    }
}

impl Counts for Breaker {
    fn counts(&self) -> Vec<Count> {
        let (table, now) = (&self.0.table, self.0.now());
        let is_open = |circuit: &Circuit| circuit.at(now) != Now::Closed;
        let all = table.all();
        let open = all.iter().filter(|entry| is_open(&entry.circuit)).count() as u64;
        let mut counts = of_calls(table.tally());
        counts.push(Count::total(
            "portcullis_breaker_overflow",
            "Outbound calls whose upstream had no place in the table of breakers",
            table.overflow(),
        ));
        counts.push(Count::gauge(
            "portcullis_breaker_not_closed",
            "Upstreams whose breaker is open or half-open",
            open,
        ));
        counts
    }
}

// ===== impl BreakerState =====

impl BreakerState {
    /// Returns the name: `closed`, `open` or `half-open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// ===== impl Shared =====

impl Shared {
    /// Nanoseconds since it was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanos(self.started.elapsed())
    }

    /// What a response says of its upstream.
    #[inline]
    pub(super) fn judge<B>(&self, response: &Response<B>) -> Outcome {
        if (self.is_failure)(response.status()) {
            return failed(response);
        }
        Outcome::Success
    }
}

/// A failure, and when to come back if it says so.
#[cold]
fn failed<B>(response: &Response<B>) -> Outcome {
    let may_say = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let wait = may_say
        .contains(&response.status())
        .then(|| retry_after(response.headers(), SystemTime::now()))
        .flatten();
    match wait.map(nanos) {
        None | Some(0) => Outcome::Failure,
        Some(wait) => Outcome::RetryAfter(wait),
    }
}

fn of_calls(tally: CallCounts) -> Vec<Count> {
    let totals = [
        (
            "portcullis_breaker_succeeded",
            "Outbound calls that succeeded",
            tally.succeeded,
        ),
        (
            "portcullis_breaker_failed",
            "Outbound calls that failed",
            tally.failed,
        ),
        (
            "portcullis_breaker_slow",
            "Outbound calls that took too long",
            tally.slow,
        ),
        (
            "portcullis_breaker_cancelled",
            "Outbound calls that nobody waited for to their end",
            tally.cancelled,
        ),
        (
            "portcullis_breaker_refused",
            "Outbound calls that were not made, because a breaker was open",
            tally.refused,
        ),
        (
            "portcullis_breaker_opened",
            "How often a breaker opened",
            tally.opened,
        ),
    ];
    let counts = totals.map(|(name, help, value)| Count::total(name, help, value));
    counts.into()
}
