use std::{error::Error, io};

use http_body::Body;

use crate::outbound::CallError;

/// Whether a call that failed may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retryable {
    /// Never: it would fail again.
    No,
    /// If doing it twice is the same as doing it once.
    IfIdempotent,
    /// Whatever it does: the request was not sent.
    Unsent,
}

/// What tells whether an error may be retried: [`AnyError`], or a closure from `&E` to
/// [`Retryable`].
pub trait Judge<E> {
    /// Whether it may return [`Retryable::Unsent`]. Where it never does, a request that is not
    /// idempotent is not copied.
    const KNOWS_UNSENT: bool;

    /// Judges an error.
    fn judge(&self, error: &E) -> Retryable;
}

/// Recreates a body: [`ByClone`], or a closure from `&B` to `Option<B>`.
pub trait Replay<B> {
    /// Returns the body for another try. `None` if that is not possible: there will be none.
    ///
    /// Called before the body is sent.
    fn replay(&self, body: &B) -> Option<B>;
}

/// Every error may be retried if the request is idempotent.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AnyError;

/// Bodies that implement `Clone`, such as `Full<Bytes>`: bytes in memory, which a clone shares.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ByClone;

/// Judges a [`CallError`]: one of the inner service as another judge does, a try that timed out as
/// retryable if idempotent, and an open breaker or a deadline as not. For retries that are stacked
/// by hand above a [`BreakerLayer`](crate::outbound::BreakerLayer).
#[derive(Clone, Copy, Debug, Default)]
pub struct OfCall<J>(J);

// ===== impl Retryable =====

impl Retryable {
    /// Returns [`Unsent`](Self::Unsent) for an error below which the operating system refused a
    /// connection, and [`IfIdempotent`](Self::IfIdempotent) for all others.
    #[must_use]
    pub fn unless_refused(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let io = error.downcast_ref::<io::Error>();
            if io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                return Self::Unsent;
            }
            // The source of an error within an I/O error is not that error, but what is below it.
            let within = io.and_then(io::Error::get_ref);
            next = match within {
                Some(within) => Some(within),
                None => error.source(),
            };
        }
        Self::IfIdempotent
    }
}

// ===== impl OfCall =====

impl<J> OfCall<J> {
    /// Creates one of a judge of the inner service's errors.
    pub const fn new(inner: J) -> Self {
        Self(inner)
    }
}

/// Recreates an empty body, and no other.
pub fn if_empty<B: Body + Default>(body: &B) -> Option<B> {
    body.is_end_stream().then(B::default)
}

// ===== impl Judge =====

impl<E> Judge<E> for AnyError {
    const KNOWS_UNSENT: bool = false;

    fn judge(&self, _: &E) -> Retryable {
        Retryable::IfIdempotent
    }
}

impl<E, F> Judge<E> for F
where
    F: Fn(&E) -> Retryable,
{
    const KNOWS_UNSENT: bool = true;

    fn judge(&self, error: &E) -> Retryable {
        self(error)
    }
}

impl<E, J: Judge<E>> Judge<CallError<E>> for OfCall<J> {
    const KNOWS_UNSENT: bool = J::KNOWS_UNSENT;

    fn judge(&self, error: &CallError<E>) -> Retryable {
        match error {
            CallError::Inner(error) => self.0.judge(error),
            CallError::TryTimedOut => Retryable::IfIdempotent,
            // To ask again what is open, or after the deadline, is no use.
            CallError::Open(_) | CallError::DeadlineExceeded => Retryable::No,
        }
    }
}

// ===== impl Replay =====

impl<B: Clone> Replay<B> for ByClone {
    fn replay(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

impl<B, F> Replay<B> for F
where
    F: Fn(&B) -> Option<B>,
{
    fn replay(&self, body: &B) -> Option<B> {
        self(body)
    }
}
