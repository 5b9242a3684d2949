use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header, request};
use portcullis_core::{Facts, Guard, Reply, Scheme, Verdict};

use super::{
    nonce,
    profile::{API, HSTS, HTML, Header},
};

/// Adds security headers to every response. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct SecureHeaders {
    profile: Profile,
    headers: Headers,
    /// Whether a policy with a nonce is added where there is none.
    has_policy: bool,
    /// Whether HSTS is added over HTTPS.
    has_hsts: bool,
}

/// What kind of responses the headers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Api,
    Html,
}

/// A profile's own list, or one that somebody changed.
#[derive(Clone, Debug)]
enum Headers {
    Known(&'static [Header]),
    Own(Arc<[Header]>),
}

// ===== impl SecureHeaders =====

impl SecureHeaders {
    /// Creates a guard with the headers that fit an API.
    #[must_use]
    pub const fn api() -> Self {
        Self {
            profile: Profile::Api,
            headers: Headers::Known(&API),
            has_policy: false,
            has_hsts: true,
        }
    }

    /// Creates a guard with the headers that fit pages, with a nonce for each request.
    #[must_use]
    pub const fn html() -> Self {
        Self {
            profile: Profile::Html,
            headers: Headers::Known(&HTML),
            has_policy: true,
            has_hsts: true,
        }
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
        self.has_policy &= *name != header::CONTENT_SECURITY_POLICY;
        self.has_hsts &= *name != header::STRICT_TRANSPORT_SECURITY;
        self
    }

    /// Creates a guard without a header.
    pub(crate) fn none() -> Self {
        Self {
            profile: Profile::Api,
            headers: Headers::Own(Arc::new([])),
            has_policy: false,
            has_hsts: false,
        }
    }

    /// Returns `"API"` or `"HTML"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.profile {
            Profile::Api => "API",
            Profile::Html => "HTML",
        }
    }

    /// Returns the headers that every response gets, without those that depend on the request.
    pub fn headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.as_slice().iter()
    }
}

impl Guard for SecureHeaders {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let is_https = Facts::of(&head.extensions).get() == Some(&Scheme::Https);
        if self.profile == Profile::Html {
            let nonce = nonce::generate();
            if let Some(policy) = nonce::policy(&nonce, is_https).filter(|_| self.has_policy) {
                reply.insert_default(header::CONTENT_SECURITY_POLICY, policy);
            }
            Facts::of_mut(&mut head.extensions).set(nonce);
        }
        if is_https && self.has_hsts {
            reply.insert_default(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        Verdict::Admit
    }

    fn defaults(&self) -> HeaderMap {
        self.headers.as_slice().iter().cloned().collect()
    }

    /// What tells too much.
    fn strips(&self) -> Vec<HeaderName> {
        vec![header::SERVER, X_POWERED_BY]
    }

    fn describe(&self) -> String {
        format!("{} profile", self.name())
    }
}

impl Default for SecureHeaders {
    fn default() -> Self {
        Self::api()
    }
}

// ===== impl Headers =====

impl Headers {
    #[inline]
    fn as_slice(&self) -> &[Header] {
        match self {
            Self::Known(headers) => headers,
            Self::Own(headers) => headers,
        }
    }
}

const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
