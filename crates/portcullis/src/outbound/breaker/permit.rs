use std::{fmt, sync::Arc, time::Duration};

use http::Response;

use super::{
    circuit::{Change, Outcome, Reason, Ticket},
    table::Entry,
};
use crate::outbound::Open;

/// A call that was admitted. Dropped without an outcome it is cancelled, so that a probe's place is
/// free again.
pub(super) struct Permit {
    entry: Arc<Entry>,
    ticket: Ticket,
    /// When the call first had to wait, if slowness counts.
    waits_since: Option<u64>,
    is_settled: bool,
}

// ===== impl Permit =====

impl Permit {
    #[inline]
    pub(super) fn admit(entry: Arc<Entry>) -> Result<Self, Open> {
        let rules = &entry.rules;
        let (admitted, change) = entry.circuit.admit(&rules.settings, || rules.now());
        if let Some(change) = change {
            log(&entry.key, change);
        }
        let ticket = admitted.map_err(|left| Open::new(Duration::from_nanos(left)))?;
        Ok(Self {
            entry,
            ticket,
            waits_since: None,
            is_settled: false,
        })
    }

    /// Notes that the call has to wait. A call that is ready at once needs one look at a clock less.
    #[inline]
    pub(super) fn waits(&mut self) {
        if self.waits_since.is_none() && self.entry.rules.slow_call.is_some() {
            self.waits_since = Some(self.entry.rules.now());
        }
    }

    /// Notes what a response says of the upstream.
    #[inline]
    pub(super) fn judge<B>(mut self, response: &Response<B>) {
        let outcome = self.entry.rules.judge(response);
        self.settle(outcome);
    }

    /// Notes that there is no response.
    pub(super) fn failed(mut self) {
        self.settle(Outcome::Failure);
    }

    fn settle(&mut self, outcome: Outcome) {
        self.is_settled = true;
        let now = self.entry.rules.now();
        let outcome = match outcome {
            Outcome::Success | Outcome::Cancelled if self.is_slow(now) => Outcome::Slow,
            other => other,
        };
        let Entry { circuit, rules, .. } = &*self.entry;
        if let Some(change) = circuit.settle(&rules.settings, self.ticket, outcome, now) {
            log(&self.entry.key, change);
        }
    }

    fn is_slow(&self, now: u64) -> bool {
        let both = self.waits_since.zip(self.entry.rules.slow_call);
        both.is_some_and(|(since, limit)| now.saturating_sub(since) >= limit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle(Outcome::Cancelled);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Permit");
        debug.field("key", &self.entry.key).finish_non_exhaustive()
    }
}

/// Once for each change: only the call that made it gets to know of it.
#[cold]
fn log(key: &str, change: Change) {
    match change {
        Change::Opened(reason, nanos) => {
            let (reason, wait) = (reason.as_str(), Duration::from_nanos(nanos));
            tracing::warn!(target: "portcullis", upstream = ?key, reason, ?wait, "breaker is open");
        }
        Change::HalfOpened => {
            tracing::info!(target: "portcullis", upstream = ?key, "breaker is half-open");
        }
        Change::Closed => {
            tracing::info!(target: "portcullis", upstream = ?key, "breaker is closed");
        }
    }
}

// ===== impl Reason =====

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures in a row",
            Self::FailureRate => "failure rate",
            Self::RetryAfter => "retry-after",
            Self::FailedProbe => "a probe failed",
        }
    }
}
