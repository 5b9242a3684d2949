use std::{fmt, future::Future};

use bytes::Bytes;
use http::{Response, request};

use super::{Deferred, Reply};
use crate::{Rejection, RejectionKind};

/// What a [`Guard`](super::Guard) says of a request.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verdict {
    /// The request may pass.
    Admit,
    /// The request may not pass.
    Reject(Rejection),
    /// The guard answers the request itself: a probe, a preflight.
    Answer(Box<Response<Bytes>>),
    /// The guard must wait to know.
    Defer(Deferred),
}

// ===== impl Verdict =====

impl Verdict {
    /// Returns a verdict that waits for `future`, and then judges by its output.
    ///
    /// The future is boxed.
    pub fn defer<F>(
        future: F,
        judge: impl FnOnce(F::Output, &mut request::Parts, &mut Reply) -> Self + Send + 'static,
    ) -> Self
    where
        F: Future + Send + 'static,
    {
        Self::Defer(Deferred::new(future, judge))
    }

    /// Returns a verdict that answers the request.
    #[must_use]
    pub fn answer(response: Response<Bytes>) -> Self {
        Self::Answer(Box::new(response))
    }

    /// Returns `true` if the request may pass.
    #[must_use]
    pub const fn is_admit(&self) -> bool {
        matches!(self, Self::Admit)
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

impl From<RejectionKind> for Verdict {
    fn from(kind: RejectionKind) -> Self {
        Self::Reject(kind.into())
    }
}

impl From<Result<(), Rejection>> for Verdict {
    fn from(result: Result<(), Rejection>) -> Self {
        match result {
            Ok(()) => Self::Admit,
            Err(rejection) => Self::Reject(rejection),
        }
    }
}

// ===== impl Deferred =====

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}
