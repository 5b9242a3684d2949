//! The status codes of gRPC, which Connect names.

use http::StatusCode;

use crate::RejectionKind;

/// A status code of gRPC (`google/rpc/code.proto`), and the code of a Connect error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

// ===== impl Code =====

impl Code {
    /// Returns the value of `grpc-status`.
    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the `code` of a Connect error.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    /// Returns the HTTP status that goes with a unary Connect error (Connect Protocol Reference,
    /// "Error Codes").
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidArgument => StatusCode::BAD_REQUEST,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
        }
    }
}

impl From<RejectionKind> for Code {
    /// Sources, in `docs/protocols.md`: `google/rpc/code.proto`, gRPC's "Status codes and their use",
    /// Connect's "Error Codes".
    fn from(kind: RejectionKind) -> Self {
        match kind {
            RejectionKind::Malformed => Self::InvalidArgument,
            RejectionKind::Unauthenticated => Self::Unauthenticated,
            RejectionKind::Forbidden => Self::PermissionDenied,
            RejectionKind::MethodNotAllowed
            | RejectionKind::UnsupportedMediaType
            | RejectionKind::ExpectationFailed
            | RejectionKind::Misdirected => Self::Unimplemented,
            RejectionKind::BodyTooLarge
            | RejectionKind::UriTooLong
            | RejectionKind::HeadersTooLarge
            | RejectionKind::RateLimited => Self::ResourceExhausted,
            RejectionKind::Panicked | RejectionKind::Misconfigured => Self::Internal,
            RejectionKind::Unavailable | RejectionKind::Overloaded => Self::Unavailable,
            RejectionKind::RequestTimedOut
            | RejectionKind::TimedOut
            | RejectionKind::GatewayTimedOut => Self::DeadlineExceeded,
        }
    }
}
