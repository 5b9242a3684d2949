use std::time::Duration;

use http::{Method, StatusCode};
use portcullis_core::{
    Exchange, Outcome, Principal, RejectionKind, RequestId, Route, TraceContext, observe::Panic,
};

/// What went wrong with one request: its context, without its body, its path, its query and its fields.
///
/// For whoever runs the server, never for the client.
#[derive(Clone, Debug)]
pub struct ErrorReport {
    kind: ErrorKind,
    request_id: Option<RequestId>,
    trace: Option<TraceContext>,
    method: Method,
    route: Option<Route>,
    status: Option<StatusCode>,
    panic: Option<Panic>,
    principal: Option<Principal>,
    duration: Duration,
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A guard, the application or the response's body panicked.
    Panic,
    /// The application, or its response's body, took too long.
    Timeout,
    /// The service gave an error in place of a response.
    Service,
    /// The response's body gave an error.
    Body,
    /// The application answered with a 5xx status, or it was put together wrong.
    Status,
    /// A layer refused the request with a 5xx status, since something is down or there is no capacity
    /// left.
    Refused,
}

// ===== impl ErrorReport =====

impl ErrorReport {
    /// Returns a report of an exchange that has ended, if something went wrong with it.
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        Some(Self {
            kind: ErrorKind::of(exchange)?,
            request_id: exchange.request_id().cloned(),
            trace: exchange.trace().cloned(),
            method: exchange.method().clone(),
            route: exchange.route(),
            status: exchange.status(),
            panic: exchange.panic().cloned(),
            principal: exchange.principal().cloned(),
            duration: exchange.duration(),
        })
    }

    /// Returns what kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the request's ID, which the client knows too.
    #[must_use]
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Returns the trace that the request belongs to.
    #[must_use]
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Returns the method. A client may have invented it.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the route, where it is known.
    #[must_use]
    pub const fn route(&self) -> Option<Route> {
        self.route
    }

    /// Returns the status that the client got, if it got one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns what is known of the panic, if it was one.
    #[must_use]
    pub const fn panic(&self) -> Option<&Panic> {
        self.panic.as_ref()
    }

    /// Returns who sent the request, if that was known.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// Returns how long the exchange lasted.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }
}

// ===== impl ErrorKind =====

impl ErrorKind {
    /// Returns a short, stable name: `panic`, `timeout`, `service_error`, `body_error`, `status`,
    /// `refused`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Service => "service_error",
            Self::Body => "body_error",
            Self::Status => "status",
            Self::Refused => "refused",
        }
    }

    fn of(exchange: &Exchange) -> Option<Self> {
        let status = exchange.nominal_status();
        let is_error = status.is_some_and(|status| status.is_server_error());
        match exchange.outcome() {
            _ if exchange.is_probe() => None,
            _ if exchange.panic().is_some() => Some(Self::Panic),
            Outcome::Panicked => Some(Self::Panic),
            // A 408 is for a client that was too slow.
            Outcome::TimedOut if status == Some(StatusCode::REQUEST_TIMEOUT) => None,
            Outcome::TimedOut => Some(Self::Timeout),
            Outcome::ServiceError => Some(Self::Service),
            Outcome::BodyError => Some(Self::Body),
            Outcome::Refused(RejectionKind::Misconfigured) => Some(Self::Status),
            Outcome::Refused(_) => is_error.then_some(Self::Refused),
            Outcome::Complete | Outcome::ClientGone => is_error.then_some(Self::Status),
        }
    }
}
