use std::borrow::Cow;

use super::{Methods, OTHER};
use crate::{Exchange, Outcome, Scheme};

/// What tells one series of exchanges from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeLabels<'t> {
    /// `http.request.method`: a known one, or `_OTHER`.
    pub method: &'t str,
    /// `http.route`: the template, where it is known.
    pub route: Option<&'static str>,
    /// `http.response.status_code`: 100 to 599, where there is a response.
    pub status: Option<u16>,
    /// `url.scheme`.
    pub scheme: &'static str,
    /// `error.type`: see [`Exchange::error_type`]; `_OTHER` for a status outside of 100 to 599.
    pub error: Option<Cow<'static, str>>,
}

/// The labels without the route, small enough to compare at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// 0 where there is none.
    status: u16,
    method: u8,
    error: Error,
    is_https: bool,
}

/// The closed set of `error.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Error {
    None,
    /// A status: that of the response, or of the kind of refusal.
    Status(u16),
    Panic,
    Timeout,
    ClientDisconnect,
    Service,
    Body,
    Other,
}

// ===== impl Key =====

impl Key {
    #[inline]
    pub(super) fn new(methods: &Methods, exchange: &Exchange) -> Self {
        let status = exchange.status().map_or(0, |status| status.as_u16());
        let key = Self {
            status,
            method: methods.place(exchange.method()),
            error: Error::new(exchange),
            is_https: exchange.scheme() == Scheme::Https,
        };
        if status < FIRST_UNKNOWN {
            return key;
        }
        let error = match key.error {
            Error::None => Error::Other,
            error => error,
        };
        Self {
            status: 0,
            error,
            ..key
        }
    }

    /// Returns the key of what shares a series where there are too many: the status and the error
    /// stay, one of them at least.
    pub(super) fn overflow(self, methods: &Methods) -> Self {
        let has_status = matches!(self.error, Error::None | Error::Status(_));
        Self {
            method: methods.others(),
            status: if has_status { self.status } else { 0 },
            ..self
        }
    }

    pub(super) fn labels<'m>(
        self,
        methods: &'m Methods,
        route: Option<&'static str>,
    ) -> ExchangeLabels<'m> {
        ExchangeLabels {
            method: methods.name(self.method),
            route,
            status: (self.status > 0).then_some(self.status),
            scheme: scheme(self.is_https),
            error: self.error.name(),
        }
    }
}

// ===== impl Error =====

impl Error {
    #[inline]
    fn new(exchange: &Exchange) -> Self {
        match exchange.outcome() {
            Outcome::Panicked => Self::Panic,
            Outcome::TimedOut => Self::Timeout,
            Outcome::ClientGone => Self::ClientDisconnect,
            Outcome::ServiceError => Self::Service,
            Outcome::BodyError => Self::Body,
            Outcome::Complete | Outcome::Refused(_) => match exchange.error_type() {
                None => Self::None,
                Some(status) => status.parse().map_or(Self::Other, Self::Status),
            },
        }
    }

    fn name(self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::None => return None,
            Self::Status(status) => return Some(status.to_string().into()),
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::ClientDisconnect => "client_disconnect",
            Self::Service => "service_error",
            Self::Body => "body_error",
            Self::Other => OTHER,
        }))
    }
}

pub(super) const fn scheme(is_https: bool) -> &'static str {
    if is_https {
        Scheme::Https.as_str()
    } else {
        Scheme::Http.as_str()
    }
}

/// Classes of status codes end with 5xx (RFC 9110, section 15).
const FIRST_UNKNOWN: u16 = 600;
