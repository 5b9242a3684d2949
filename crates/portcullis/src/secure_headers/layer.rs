use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tower_layer::Layer;

use super::{
    SecureHeaders,
    profile::{API, HTML, Header},
};

/// Applies [`SecureHeaders`]. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct SecureHeadersLayer {
    pub(super) profile: Profile,
    pub(super) headers: Headers,
}

/// What kind of responses the headers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Off,
    Api,
    Html,
}

/// A profile's own list, or one that somebody changed.
#[derive(Clone, Debug)]
pub(super) enum Headers {
    Known(&'static [Header]),
    Own(Arc<[Header]>),
}

// ===== impl SecureHeadersLayer =====

impl SecureHeadersLayer {
    /// Creates a layer with the headers that fit an API.
    #[must_use]
    pub const fn api() -> Self {
        Self::known(Profile::Api, &API)
    }

    /// Creates a layer with the headers that fit pages, with a nonce for each request.
    #[must_use]
    pub const fn html() -> Self {
        Self::known(Profile::Html, &HTML)
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self::known(Profile::Off, &[])
    }

    /// Adds a header, or replaces a value.
    ///
    /// A `content-security-policy` of one's own in the HTML profile replaces the policy with the
    /// nonce.
    #[must_use]
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut headers = self.without(&name);
        let kept = headers.headers.as_slice().iter().cloned();
        headers.headers = Headers::Own(kept.chain([(name, value)]).collect());
        headers
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without(mut self, name: &HeaderName) -> Self {
        let kept = self.headers.as_slice().iter().filter(|h| h.0 != *name);
        self.headers = Headers::Own(kept.cloned().collect());
        self
    }

    /// `"off"`, `"API"` or `"HTML"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.profile {
            Profile::Off => "off",
            Profile::Api => "API",
            Profile::Html => "HTML",
        }
    }

    /// The headers that every response gets, without those that depend on the request.
    pub fn headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.as_slice().iter()
    }

    const fn known(profile: Profile, headers: &'static [Header]) -> Self {
        Self {
            profile,
            headers: Headers::Known(headers),
        }
    }
}

impl Default for SecureHeadersLayer {
    fn default() -> Self {
        Self::api()
    }
}

impl<S> Layer<S> for SecureHeadersLayer {
    type Service = SecureHeaders<S>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        SecureHeaders::new(inner, self.clone())
    }
}

// ===== impl Headers =====

impl Headers {
    pub(super) fn as_slice(&self) -> &[Header] {
        match self {
            Self::Known(headers) => headers,
            Self::Own(headers) => headers,
        }
    }
}
