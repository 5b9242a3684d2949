use std::future::{Future, Pending};

use http::{request, response};

use crate::{Count, Counts, Rejection};

/// Decides whether a request may pass.
///
/// An `Option` of a guard is a guard: `None` admits everything, so that configuration can decide.
pub trait Guard {
    /// Held while the request is inside.
    type Permit: Permit;

    /// Resolves a [`Verdict::Defer`].
    type Future: Future<Output = Result<Self::Permit, Rejection>>;

    /// Judges a request by its head.
    fn admit(&self, head: &request::Parts) -> Verdict<Self::Permit, Self::Future>;

    /// What the guard does, for people: `10/s, burst 10 for each address`.
    fn describe(&self) -> String {
        "a guard of your own".to_owned()
    }
}

/// The answer of a [`Guard`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verdict<P, F> {
    /// The request may pass.
    Admit(P),
    /// The guard needs to wait to know.
    Defer(F),
    /// The request may not pass.
    Reject(Rejection),
}

/// What an admitted request carries through the gate.
///
/// Dropped when the response head is ready, or when the request is cancelled.
pub trait Permit {
    /// Called once, before the inner service.
    #[inline]
    fn on_request(&mut self, _head: &mut request::Parts) {}

    /// Called once, after the inner service.
    #[inline]
    fn on_response(&mut self, _head: &mut response::Parts) {}
}

/// The guard that is not there.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a unit type that users name and construct"
)]
pub struct Off;

// ===== impl Off =====

impl Guard for Off {
    type Permit = ();
    type Future = Pending<Result<(), Rejection>>;

    #[inline]
    fn admit(&self, _head: &request::Parts) -> Verdict<(), Self::Future> {
        Verdict::Admit(())
    }

    fn describe(&self) -> String {
        "off".to_owned()
    }
}

impl Counts for Off {
    fn counts(&self) -> Vec<Count> {
        Vec::new()
    }
}

// ===== impl Permit =====

impl Permit for () {}
