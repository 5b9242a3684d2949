use std::fmt;

/// By which scheme a caller comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthScheme {
    /// An API key.
    ApiKey,
    /// A signed token: a JWT.
    Token,
    /// A signature over the request (RFC 9421).
    Signature,
    /// A signature of Standard Webhooks.
    Webhook,
    /// A client certificate.
    ClientCertificate,
    /// One that this crate doesn't know.
    Other,
}

// ===== impl AuthScheme =====

impl AuthScheme {
    /// Returns a short, stable name: `api_key`, `token`, `signature`, `webhook`,
    /// `client_certificate`, `other`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::Webhook => "webhook",
            Self::ClientCertificate => "client_certificate",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for AuthScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
