mod noted;
mod server;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http::{HeaderName, Method, StatusCode, Version, request};
use tokio::time::Instant;

use super::{
    Outcome, Panic, Route, TraceContext,
    head::{self, Head},
};
use crate::{Host, Principal, Rejection, RejectionKind, RequestId, Scheme};

/// One request and its response: what every [`Observer`](super::Observer) looks at.
///
/// Nothing in it keeps the request's head alive. The parts of the head that a client chooses freely
/// are there if an observer [keeps](Self::keep_head) them.
#[derive(Clone, Debug)]
pub struct Exchange {
    method: Method,
    version: Version,
    route: Option<Route>,
    client: Option<IpAddr>,
    peer: Option<SocketAddr>,
    is_peer_trusted: bool,
    scheme: Scheme,
    host: Option<Host>,
    request_id: Option<RequestId>,
    principal: Option<Principal>,
    trace: Option<TraceContext>,
    head: Option<Head>,
    kept: Vec<(HeaderName, Box<str>)>,
    panic: Option<Panic>,
    started: Instant,
    time_to_head: Option<Duration>,
    duration: Duration,
    status: Option<StatusCode>,
    rejection: Option<Rejection>,
    request_bytes: u64,
    response_bytes: u64,
    is_upgraded: bool,
    is_probe: bool,
    outcome: Outcome,
}

// ===== impl Exchange =====

impl Exchange {
    /// Returns the request's method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the request's version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the route that serves the request, where the framework knows it: by the end at the
    /// latest, where a [`RouteSlot`](crate::RouteSlot) is filled.
    #[must_use]
    pub const fn route(&self) -> Option<Route> {
        self.route
    }

    /// Returns the client's address.
    #[must_use]
    pub const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Returns the peer's address.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns `true` if the peer is a proxy that was declared trusted.
    #[must_use]
    pub const fn is_peer_trusted(&self) -> bool {
        self.is_peer_trusted
    }

    /// Returns the scheme that the client used.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host that the client asked for, as a trusted proxy says, or else as the request
    /// does, if its head is [kept](Self::keep_head).
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let trusted = self.host.as_ref().map(|Host(host)| host.as_str());
        trusted.or_else(|| self.head.as_ref()?.host())
    }

    /// Returns the request's ID.
    #[must_use]
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Returns who sent the request, once that is known: at the end, for a request that was served,
    /// or refused because of what it wanted.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// Returns the trace that the exchange belongs to.
    #[must_use]
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Returns the path, if the head is [kept](Self::keep_head).
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.head.as_ref().map(Head::path)
    }

    /// Returns the query, if there is one and the head is [kept](Self::keep_head).
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head.as_ref()?.query()
    }

    /// Returns `User-Agent`, if the request has one and its head is [kept](Self::keep_head).
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.head.as_ref()?.user_agent()
    }

    /// Returns `Referer`, if the request has one and its head is [kept](Self::keep_head).
    #[must_use]
    pub fn referrer(&self) -> Option<&str> {
        self.head.as_ref()?.referrer()
    }

    /// Returns the values of a field of the request, joined with commas, if it is [kept](Self::keep_headers).
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut kept = self.kept.iter();
        kept.find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// Returns what is known of the panic that the exchange met, if there was one: in a guard, the
    /// application or the body.
    #[must_use]
    pub const fn panic(&self) -> Option<&Panic> {
        self.panic.as_ref()
    }

    /// Returns when the request came.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// Returns the time from the request's head to the response's head.
    #[must_use]
    pub const fn time_to_head(&self) -> Option<Duration> {
        self.time_to_head
    }

    /// Returns the time from the request's head to the end of the response's body.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns the status of the response, unless the exchange ended before there was one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns why the request was not served, where a layer refused it.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        self.rejection.as_ref()
    }

    /// Returns the length of the request's body: what it declared, or what was read of it where it
    /// declared nothing.
    #[must_use]
    pub const fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    /// Returns how many bytes of the response's body were handed to the server.
    #[must_use]
    pub const fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// Returns `true` if the connection became something else, such as a WebSocket (RFC 9110, sections
    /// 7.8 and 9.3.6). The exchange lasts as long as that then, where the server says when it ends, as
    /// `portcullis::serve` does; its bytes are not counted.
    #[must_use]
    pub const fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// Returns `true` if the request was a [probe](super::Probe) of the process' health: what it was
    /// answered is no error, whatever its status.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Returns how the exchange ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the status of the response, or, of a refusal, that of its kind. They differ for clients of
    /// gRPC and Connect: a call that is refused may have the status 200.
    #[must_use]
    pub fn nominal_status(&self) -> Option<StatusCode> {
        let kind = self.rejection.as_ref().map(Rejection::kind);
        kind.map(RejectionKind::status).or(self.status)
    }

    /// Returns what went wrong, if anything: the value of OpenTelemetry's `error.type` attribute.
    ///
    /// One of a small set: a 5xx status code, `panic`, `timeout`, `client_disconnect`,
    /// `service_error`, `body_error`.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        match self.outcome {
            Outcome::Panicked => Some("panic"),
            Outcome::ServiceError => Some("service_error"),
            Outcome::BodyError => Some("body_error"),
            Outcome::ClientGone => Some("client_disconnect"),
            Outcome::TimedOut => Some("timeout"),
            Outcome::Complete => self.server_error(),
            // The status of a call that is refused may be 200.
            Outcome::Refused(kind) => self.server_error().or(match kind {
                RejectionKind::Misconfigured => Some("500"),
                RejectionKind::Unavailable | RejectionKind::Overloaded => Some("503"),
                _ => None,
            }),
        }
    }

    /// Returns the status, if it is one of the server's errors.
    fn server_error(&self) -> Option<&str> {
        let status = self.status.as_ref()?;
        status.is_server_error().then_some(status.as_str())
    }

    /// Keeps a copy of path, query, host, user agent and referrer, each cut after 1,024 bytes. Costs one
    /// string for all of them.
    pub fn keep_head(&mut self, head: &request::Parts) {
        self.head.get_or_insert_with(|| Head::new(head));
    }

    /// Keeps a copy of the request's fields of these names, each cut after 1,024 bytes.
    pub fn keep_headers(&mut self, head: &request::Parts, names: &[HeaderName]) {
        for name in names {
            if self.header(name).is_none()
                && let Some(values) = head::values(&head.headers, name)
            {
                self.kept.push((name.clone(), values));
            }
        }
    }

    /// Sets the trace that the exchange belongs to.
    pub fn set_trace(&mut self, trace: TraceContext) {
        self.trace = Some(trace);
    }
}
