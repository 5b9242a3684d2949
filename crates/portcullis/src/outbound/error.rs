use std::{error::Error, fmt, time::Duration};

use portcullis_core::{Rejection, RejectionKind};

/// Why a call has no response. The error of the inner service is kept as it is.
///
/// Each layer of this module that adds an error wraps the error below it once. Where two of them
/// are stacked by hand, [`flatten`](CallError::flatten) makes one of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The breaker of this upstream is open: nothing was sent.
    Open(Open),
    /// One try had no response head within its time limit.
    TryTimedOut,
    /// The deadline of the whole call passed.
    DeadlineExceeded,
    /// The inner service failed.
    Inner(E),
}

/// A breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    retry_after: Duration,
}

// ===== impl CallError =====

impl<E> CallError<E> {
    /// Returns the error of the inner service, if it is one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            _ => None,
        }
    }

    /// Returns what a handler may answer its own client with: 503 with `Retry-After` while a breaker
    /// is open, 504 when a time limit passed. `None` for an error of the inner service: only the
    /// application knows what that means.
    #[must_use]
    pub fn rejection(&self) -> Option<Rejection> {
        let kind = match self {
            Self::Open(_) => RejectionKind::Unavailable,
            Self::TryTimedOut | Self::DeadlineExceeded => RejectionKind::GatewayTimedOut,
            Self::Inner(_) => return None,
        };
        let rejection = Rejection::new(kind);
        Some(match self {
            Self::Open(open) => rejection.with_retry_after(open.retry_after),
            _ => rejection,
        })
    }
}

impl<E> CallError<CallError<E>> {
    /// Merges the errors of two layers.
    #[must_use]
    pub fn flatten(self) -> CallError<E> {
        match self {
            Self::Open(open) => CallError::Open(open),
            Self::TryTimedOut => CallError::TryTimedOut,
            Self::DeadlineExceeded => CallError::DeadlineExceeded,
            Self::Inner(error) => error,
        }
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(open) => open.fmt(f),
            Self::TryTimedOut => f.write_str("no response within the time limit of a try"),
            Self::DeadlineExceeded => f.write_str("the deadline of the call passed"),
            Self::Inner(_) => f.write_str("the call failed"),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Inner(error) => Some(error),
            _ => None,
        }
    }
}

// ===== impl Open =====

impl Open {
    pub(super) const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }

    /// Returns the time until the breaker admits a probe. Zero when probes are under way and
    /// nothing is known yet.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the circuit breaker is open")
    }
}

impl Error for Open {}
