//! Signatures that are judged with the body.

use std::task::{Context, Poll, ready};

use http::request;
use portcullis_core::{BodyCheck, ClientIp, Facts, PeerAddr, Rejection, Reply};

use super::Lockout;

/// Counts what a guard finds out behind the head.
struct Watched {
    check: Box<dyn BodyCheck>,
    lockout: Lockout,
    client: Facts,
}

// ===== impl Lockout =====

impl Lockout {
    /// Counts a guess that is known for one when the body was read.
    #[inline]
    pub(super) fn watch_body(&self, head: &request::Parts, reply: &mut Reply) {
        if !reply.checks_body() {
            return;
        }
        for check in reply.take_checks() {
            reply.check_body(Watched {
                check,
                lockout: self.clone(),
                client: client(Facts::of(&head.extensions)),
            });
        }
    }
}

impl BodyCheck for Watched {
    fn update(&mut self, bytes: &[u8]) {
        self.check.update(bytes);
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let judged = ready!(self.check.poll_finish(cx));
        if let Err(rejection) = &judged {
            self.lockout.guessed(&self.client, rejection);
        }
        Poll::Ready(judged)
    }

    fn unfinished(&self) -> Option<Rejection> {
        self.check.unfinished()
    }
}

/// Returns what of a request's facts tells whose it is.
pub(super) fn client(facts: &Facts) -> Facts {
    let mut kept = Facts::default();
    if let Some(ip) = facts.get::<ClientIp>() {
        kept.set(*ip);
    }
    if let Some(peer) = facts.get::<PeerAddr>() {
        kept.set(*peer);
    }
    kept
}
