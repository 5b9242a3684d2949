use http::StatusCode;

/// The category of a [`Rejection`](super::Rejection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// Two servers could read the request differently, or none can read it. 400.
    Malformed,
    /// Missing or wrong credentials. Deliberately does not say which. 401.
    Unauthenticated,
    /// It is known who asks, or need not be, and this may not be asked so. 403.
    Forbidden,
    /// The method is not one that is served. 405. The rejection must carry the
    /// [header](super::Rejection::with_header) `Allow` (RFC 9110, section 15.5.6).
    MethodNotAllowed,
    /// The client took too long to send the request. 408.
    RequestTimedOut,
    /// The request's body is larger than allowed. 413.
    BodyTooLarge,
    /// The request's target is longer than allowed. 414.
    UriTooLong,
    /// The request's body has a type or a coding that is not served. 415.
    UnsupportedMediaType,
    /// The client expects what the server does not do (RFC 9110, section 10.1.1). 417.
    ExpectationFailed,
    /// The request is for a host that is not served here. 421.
    Misdirected,
    /// The client spent its quota. 429.
    RateLimited,
    /// The request has more or longer fields than allowed. 431.
    HeadersTooLarge,
    /// Something below panicked. 500.
    Panicked,
    /// The application was put together wrong. 500.
    Misconfigured,
    /// Something the request needs is down, or the server has no capacity left. 503.
    Unavailable,
    /// The server has less capacity than it is asked for: it answers some, at once. 503.
    Overloaded,
    /// The application took too long. 503.
    TimedOut,
    /// The application is a gateway, and what is behind it took too long. 504.
    GatewayTimedOut,
}

impl RejectionKind {
    /// All kinds, for tables of what a server can answer.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::MethodNotAllowed,
        Self::RequestTimedOut,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::ExpectationFailed,
        Self::Misdirected,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Panicked,
        Self::Misconfigured,
        Self::Unavailable,
        Self::Overloaded,
        Self::TimedOut,
        Self::GatewayTimedOut,
    ];

    /// Returns the status code that goes with this kind.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Panicked | Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::Overloaded | Self::TimedOut => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::GatewayTimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Returns a stable, machine-readable name.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTooLarge => "body-too-large",
            Self::RequestTimedOut => "request-timed-out",
            Self::UriTooLong => "uri-too-long",
            Self::HeadersTooLarge => "headers-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::ExpectationFailed => "expectation-failed",
            Self::Misdirected => "misdirected",
            Self::RateLimited => "rate-limited",
            Self::Panicked => "panicked",
            Self::Misconfigured => "misconfigured",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed-out",
            Self::GatewayTimedOut => "gateway-timed-out",
        }
    }

    /// Returns the problem type (RFC 9457, section 3.1.1): a stable URI that is not meant to be fetched.
    ///
    /// A spent quota and an overload have the types that draft-ietf-httpapi-ratelimit-headers-10
    /// registers.
    #[must_use]
    pub const fn problem_type(self) -> &'static str {
        match self {
            Self::Malformed => "urn:portcullis:problem:malformed",
            Self::Unauthenticated => "urn:portcullis:problem:unauthenticated",
            Self::Forbidden => "urn:portcullis:problem:forbidden",
            Self::MethodNotAllowed => "urn:portcullis:problem:method-not-allowed",
            Self::BodyTooLarge => "urn:portcullis:problem:body-too-large",
            Self::RequestTimedOut => "urn:portcullis:problem:request-timed-out",
            Self::UriTooLong => "urn:portcullis:problem:uri-too-long",
            Self::HeadersTooLarge => "urn:portcullis:problem:headers-too-large",
            Self::UnsupportedMediaType => "urn:portcullis:problem:unsupported-media-type",
            Self::ExpectationFailed => "urn:portcullis:problem:expectation-failed",
            Self::Misdirected => "urn:portcullis:problem:misdirected",
            Self::RateLimited => "https://iana.org/assignments/http-problem-types#quota-exceeded",
            Self::Panicked => "urn:portcullis:problem:panicked",
            Self::Misconfigured => "urn:portcullis:problem:misconfigured",
            Self::Unavailable => "urn:portcullis:problem:unavailable",
            Self::Overloaded => {
                "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
            }
            Self::TimedOut => "urn:portcullis:problem:timed-out",
            Self::GatewayTimedOut => "urn:portcullis:problem:gateway-timed-out",
        }
    }

    /// Returns the problem's title (RFC 9457, section 3.1.3): the same for every occurrence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request is malformed",
            Self::Unauthenticated => "Valid credentials are required",
            Self::Forbidden => "This request is not allowed",
            Self::MethodNotAllowed => "This method is not allowed",
            Self::BodyTooLarge => "The request body is too large",
            Self::RequestTimedOut => "The request took too long to arrive",
            Self::UriTooLong => "The request target is too long",
            Self::HeadersTooLarge => "The request has too many or too long fields",
            Self::UnsupportedMediaType => "The request body has a type that is not served",
            Self::ExpectationFailed => "The expectation can't be met",
            Self::Misdirected => "This host is not served here",
            Self::RateLimited => "The quota is exceeded",
            Self::Panicked | Self::Misconfigured => "The server failed on this request",
            Self::Unavailable => "The server can't answer right now",
            Self::Overloaded => "The server has no capacity left right now",
            Self::TimedOut => "The server took too long to answer",
            Self::GatewayTimedOut => "The service behind this server took too long to answer",
        }
    }
}
