use crate::RejectionKind;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Outcome {
    /// With the last byte. That of a stream of events (`text/event-stream`) is there when its client
    /// closes it.
    Complete,
    /// The client went away before that: the future or the body was dropped.
    ClientGone,
    /// Something took too long: the application, or the client with its request's body.
    TimedOut,
    /// The application panicked, or its body.
    Panicked,
    /// A layer refused the request, for another reason.
    Refused(RejectionKind),
    /// The service gave an error in place of a response.
    ServiceError,
    /// The response's body gave an error.
    BodyError,
}

// ===== impl Outcome =====

impl Outcome {
    /// Returns its name in logs and labels: `complete`, `client_gone`, `timed_out`, `panicked`,
    /// `refused`, `service_error` or `body_error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::Refused(_) => "refused",
            Self::ServiceError => "service_error",
            Self::BodyError => "body_error",
        }
    }

    /// Returns how an exchange ended whose response is a refusal of this kind, if it is one, and that
    /// ended so.
    #[must_use]
    pub const fn with_rejection(self, kind: Option<RejectionKind>) -> Self {
        match (self, kind) {
            (Self::Complete, Some(RejectionKind::Panicked)) => Self::Panicked,
            (
                Self::Complete,
                Some(
                    RejectionKind::TimedOut
                    | RejectionKind::GatewayTimedOut
                    | RejectionKind::RequestTimedOut,
                ),
            ) => Self::TimedOut,
            (Self::Complete, Some(kind)) => Self::Refused(kind),
            _ => self,
        }
    }
}
