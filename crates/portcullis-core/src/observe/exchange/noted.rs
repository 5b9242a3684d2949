use std::time::Duration;

use http::{request, response};
use tokio::time::Instant;

use super::Exchange;
use crate::{
    ClientIp, Facts, Outcome, PeerAddr, Principal, Rejection, Route, Scheme,
    observe::{Panic, Probe},
};

// ===== impl Exchange =====

/// What the engine that runs an exchange notes as it goes on.
impl Exchange {
    /// Begins an exchange. Until it ends otherwise, its client went away.
    #[must_use]
    #[inline]
    pub fn new(head: &request::Parts, started: Instant) -> Self {
        let facts = Facts::of(&head.extensions);
        Self {
            method: head.method.clone(),
            version: head.version,
            route: None,
            client: facts.get().map(|ClientIp(ip)| *ip),
            peer: facts.get().map(|PeerAddr(peer)| *peer),
            is_peer_trusted: facts.is_peer_trusted(),
            scheme: facts.get().copied().unwrap_or(Scheme::Http),
            host: facts.get().cloned(),
            request_id: facts.get().cloned(),
            principal: None,
            trace: None,
            head: None,
            kept: Vec::new(),
            panic: None,
            started,
            time_to_head: None,
            duration: Duration::ZERO,
            status: None,
            rejection: None,
            request_bytes: 0,
            response_bytes: 0,
            is_upgraded: false,
            is_probe: false,
            outcome: Outcome::ClientGone,
        }
    }

    /// Notes the route.
    pub const fn set_route(&mut self, route: Option<Route>) {
        self.route = route;
    }

    /// Notes who sent the request.
    pub fn set_principal(&mut self, principal: Option<Principal>) {
        self.principal = principal;
    }

    /// Notes the response's head.
    pub fn on_head(&mut self, head: &response::Parts) {
        self.time_to_head = Some(self.started.elapsed());
        self.status = Some(head.status);
        self.rejection = head.extensions.get().cloned();
        self.is_probe = head.extensions.get::<Probe>().is_some();
    }

    /// Notes a panic. The first counts.
    pub fn on_panic(&mut self, panic: Panic) {
        self.panic.get_or_insert(panic);
    }

    /// Notes how long the request's body is.
    pub const fn set_request_bytes(&mut self, bytes: u64) {
        self.request_bytes = bytes;
    }

    /// Notes that so many more bytes of the response's body were handed to the server.
    pub const fn on_bytes(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// Notes that the connection is no HTTP any more once the head is out.
    pub const fn set_upgraded(&mut self) {
        self.is_upgraded = true;
    }

    /// Notes the end.
    pub fn on_end(&mut self, outcome: Outcome) {
        let rejection = self.rejection.as_ref().map(Rejection::kind);
        self.outcome = outcome.with_rejection(rejection);
        self.duration = self.started.elapsed();
    }
}
