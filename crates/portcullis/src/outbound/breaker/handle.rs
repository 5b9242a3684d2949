use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::Request;
use portcullis_core::{Count, Counts};

use super::{
    BreakerConfig,
    circuit::{Circuit, Now},
    config::KeyBy,
    counts::CallCounts,
    key::{normal, with_key},
    permit::Permit,
    rules::Rules,
    table::Table,
};
use crate::outbound::Open;

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

struct Shared {
    rules: Arc<Rules>,
    key_by: Option<KeyBy>,
    table: Table,
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
        let rules = Arc::new(Rules::new(config));
        Self(Arc::new(Shared {
            table: Table::new(config.max_keys, Arc::clone(&rules)),
            key_by: config.key_by.clone(),
            rules,
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
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Result<Option<Permit>, Open> {
        let Shared { key_by, table, .. } = &*self.0;
        let entry = with_key(request, key_by.as_ref(), |key| {
            // What is in the table is normal: most keys are found as they are written.
            let found = table.get(key);
            found.or_else(|| table.get_or_insert(&self.key(key)))
        });
        entry.map(Permit::admit).transpose()
    }

    fn key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        match self.0.key_by {
            Some(_) => key.into(),
            None => normal(key),
        }
    }

    fn at(&self, key: &str) -> Now {
        let entry = self.0.table.get(&self.key(key));
        entry.map_or(Now::Closed, |entry| entry.circuit.at(self.0.rules.now()))
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
        debug.field("rules", &self.0.rules);
        debug.field("table", &self.0.table).finish_non_exhaustive()
    }
}

impl Counts for Breaker {
    fn counts(&self) -> Vec<Count> {
        let (table, now) = (&self.0.table, self.0.rules.now());
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
        let counts = counts.into_iter();
        counts.map(|count| count.counted_by(&*self.0)).collect()
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
