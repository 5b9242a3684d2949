use std::time::Duration;

use http::StatusCode;

use crate::{Rejection, RejectionKind};

/// One request and its answer, once it has ended.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    pub(super) status: Option<StatusCode>,
    pub(super) rejection: Option<&'a Rejection>,
    pub(super) time_to_head: Option<Duration>,
    pub(super) duration: Duration,
    pub(super) response_bytes: u64,
    pub(super) outcome: Outcome,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Outcome {
    /// With the last byte.
    Complete,
    /// The client went away: the future or the body was dropped.
    Aborted,
    /// The service or the body gave an error.
    Failed,
    /// Something panicked, and nothing below caught it.
    Panicked,
}

impl Exchange<'_> {
    /// The status of the response, unless the exchange ended before there was one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Why the request was not served, where a layer refused it.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        self.rejection
    }

    /// From the request's head to the response's head.
    #[must_use]
    pub const fn time_to_head(&self) -> Option<Duration> {
        self.time_to_head
    }

    /// From the request's head to the end of the response's body.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Bytes of the response's body that were handed to the server.
    #[must_use]
    pub const fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// How the exchange ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What went wrong, if anything: the value of OpenTelemetry's `error.type` attribute.
    ///
    /// One of a small set: a 5xx status code, `panic`, `timeout`, `client_disconnect`,
    /// `service_error`, `body_error`.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        match (self.outcome, self.rejection.map(Rejection::kind)) {
            (Outcome::Panicked, _) | (_, Some(RejectionKind::Panicked)) => Some("panic"),
            (Outcome::Failed, _) if self.status.is_none() => Some("service_error"),
            (Outcome::Failed, _) => Some("body_error"),
            (Outcome::Aborted, _) => Some("client_disconnect"),
            (_, Some(RejectionKind::TimedOut | RejectionKind::GatewayTimedOut)) => Some("timeout"),
            _ => self
                .status
                .as_ref()
                .filter(|status| status.is_server_error())
                .map(StatusCode::as_str),
        }
    }
}
