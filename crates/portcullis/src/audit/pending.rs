use std::{net::IpAddr, time::Duration};

use portcullis_core::{
    Cause, Exchange, Principal, Reason, Rejection, RequestId, Route, observe::known_method,
};

use super::{AuditEvent, Decision, Event, event::LONGEST_TEXT};
use crate::json_line::{cut, rfc3339};

/// An event that waits to be written: what is cheap to keep. Its texts are made where it is written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) seq: u64,
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Seen(Box<Seen>),
    Changed(Event),
}

/// What was seen of an exchange.
#[derive(Debug)]
pub(super) struct Seen {
    decision: Decision,
    request_id: Option<RequestId>,
    trace_id: Option<u128>,
    client: Option<IpAddr>,
    principal: Option<Principal>,
    rejection: Option<Rejection>,
    route: Option<Route>,
    method: &'static str,
    status: Option<u16>,
}

// ===== impl Pending =====

impl Pending {
    pub(super) fn to_event(&self) -> AuditEvent {
        let event = match &self.what {
            What::Seen(seen) => seen.to_event(),
            What::Changed(change) => AuditEvent {
                reason: Some(change.reason),
                principal: change.by.as_deref().map(own),
                target: Some(own(&change.target)),
                ..blank(Decision::Changed)
            },
        };
        AuditEvent {
            time: rfc3339(self.at),
            seq: self.seq,
            ..event
        }
    }
}

// ===== impl Seen =====

impl Seen {
    pub(super) fn new(exchange: &Exchange, decision: Decision) -> Self {
        let peer = || exchange.peer().map(|peer| peer.ip());
        Self {
            decision,
            request_id: exchange.request_id().cloned(),
            trace_id: exchange.trace().map(|trace| trace.trace_id),
            client: exchange.client().or_else(peer),
            principal: exchange.principal().cloned(),
            rejection: exchange.rejection().cloned(),
            route: exchange.route(),
            method: known_method(exchange.method()).unwrap_or("_OTHER"),
            status: exchange.status().map(|status| status.as_u16()),
        }
    }

    fn to_event(&self) -> AuditEvent {
        let cause = self.rejection.as_ref().and_then(Rejection::cause);
        let principal = self.principal.as_ref();
        let scheme = principal.map(Principal::scheme);
        AuditEvent {
            reason: cause.map(Cause::reason).map(Reason::name),
            request_id: self.request_id.as_ref().map(ToString::to_string),
            trace_id: self.trace_id.map(|id| format!("{id:032x}")),
            client: self.client,
            scheme: cause.map(Cause::scheme).or(scheme),
            principal: principal.map(|principal| own(principal.id())),
            key_id: principal.and_then(Principal::key_id).map(own),
            subject: cause.and_then(Cause::subject).map(own),
            route: self.route.map(Route::as_str),
            method: Some(self.method),
            status: self.status,
            ..blank(self.decision)
        }
    }
}

fn own(text: &str) -> String {
    cut(text, LONGEST_TEXT).to_owned()
}

const fn blank(decision: Decision) -> AuditEvent {
    AuditEvent {
        time: String::new(),
        seq: 0,
        decision,
        reason: None,
        request_id: None,
        trace_id: None,
        client: None,
        scheme: None,
        principal: None,
        key_id: None,
        subject: None,
        route: None,
        method: None,
        status: None,
        target: None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::audit) fn event() -> AuditEvent {
        AuditEvent {
            principal: Some("x".repeat(200)),
            ..blank(Decision::Allowed)
        }
    }
}
