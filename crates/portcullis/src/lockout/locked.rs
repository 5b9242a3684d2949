use http::{HeaderMap, HeaderName, HeaderValue, request, response};
use portcullis_core::{
    AuthScheme, Count, Counts, Facts, Guard, Lock, Need, Reason, Rejection, Reply, Verdict,
};

use super::{Lockout, shared};

/// Around a guard that authenticates: made by [`Lockout::around`].
#[derive(Clone, Debug)]
pub struct Locked<G> {
    lockout: Lockout,
    guard: G,
}

// ===== impl Locked =====

impl<G> Locked<G> {
    pub(super) const fn new(lockout: Lockout, guard: G) -> Self {
        Self { lockout, guard }
    }
}

impl<G: Guard> Guard for Locked<G> {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if let Err(rejection) = self.lockout.check(Facts::of(&head.extensions)) {
            self.guard.skip(head);
            return rejection.into();
        }
        match self.guard.admit(head, reply) {
            Verdict::Reject(rejection) => self.lockout.note(rejection, head),
            Verdict::Defer(deferred) => {
                let lockout = self.lockout.clone();
                Verdict::Defer(deferred.then(move |verdict, head, reply| match verdict {
                    Verdict::Reject(rejection) => lockout.note(rejection, head),
                    other => {
                        lockout.watch_body(head, reply);
                        other
                    }
                }))
            }
            other => {
                self.lockout.watch_body(head, reply);
                other
            }
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        self.guard.skip(head);
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        self.guard.complete(reply, head);
    }

    fn defaults(&self) -> HeaderMap {
        self.guard.defaults()
    }

    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        self.guard.yields()
    }

    fn strips(&self) -> Vec<HeaderName> {
        self.guard.strips()
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.guard.writes()
    }

    fn is_on(&self) -> bool {
        self.guard.is_on()
    }

    fn describe(&self) -> String {
        format!("{}; {}", self.guard.describe(), self.lockout)
    }

    fn needs(&self) -> &'static [Need] {
        let own = self.guard.needs();
        Need::list(|need| need == Need::ClientAddress || own.contains(&need))
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        self.guard.challenges()
    }

    fn counts(&self) -> Vec<Count> {
        let own = self.guard.counts().into_iter();
        own.chain(self.lockout.counts()).collect()
    }
}

// ===== impl Lockout =====

impl Lockout {
    /// Looks at a refusal: was it a guess?
    fn note(&self, rejection: Rejection, head: &request::Parts) -> Verdict {
        let facts = Facts::of(&head.extensions);
        match self.guessed(facts, &rejection) {
            Some(lock) => shared::tell(self, facts, lock, rejection),
            None => rejection.into(),
        }
    }

    /// Counts a refusal if it is of a guess. Returns how the client stands then.
    pub(super) fn guessed(&self, facts: &Facts, rejection: &Rejection) -> Option<Lock> {
        let cause = rejection
            .cause()
            .filter(|cause| cause.reason().is_guess())?;
        // A token's key is its issuer's: one that is not known yet is no guess, and nobody in particular is
        // attacked at it.
        let is_token = cause.scheme() == AuthScheme::Token;
        if is_token && cause.reason() == Reason::UnknownKey {
            return None;
        }
        self.fail(facts, cause.subject().filter(|_| !is_token))
    }
}
