use std::sync::Arc;

/// Certificate of the peer, which the server itself verified in the TLS handshake. Set by the server,
/// never by a header.
///
/// Behind a proxy it is the proxy's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct PeerCert(pub Arc<ClientCert>);

/// A client's certificate, as far as the server or a proxy tells.
///
/// Whoever accepts TLS by other means than [`serve`](https://docs.rs/portcullis) makes one of what it
/// verified, and leaves it in a request as a [`PeerCert`].
///
/// ```
/// use portcullis_core::ClientCert;
///
/// let cert = ClientCert::new().with_uri("spiffe://example.com/billing");
/// assert_eq!(cert.uris().collect::<Vec<_>>(), ["spiffe://example.com/billing"]);
/// assert_eq!(cert.der(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCert {
    der: Option<Vec<u8>>,
    fingerprint: Option<String>,
    subject: Option<String>,
    uris: Vec<String>,
    dns: Vec<String>,
}

// ===== impl ClientCert =====

impl ClientCert {
    /// Creates a certificate of which nothing is told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the certificate itself, in DER.
    #[must_use]
    pub fn with_der(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.der = Some(der.into());
        self
    }

    /// Sets the SHA-256 of the certificate, as 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn with_fingerprint(mut self, sha256: impl Into<String>) -> Self {
        self.fingerprint = Some(sha256.into());
        self
    }

    /// Sets the subject, as text.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds a URI that it is for.
    #[must_use]
    pub fn with_uri(mut self, uri: impl Into<String>) -> Self {
        self.uris.push(uri.into());
        self
    }

    /// Adds a DNS name that it is for.
    #[must_use]
    pub fn with_dns(mut self, name: impl Into<String>) -> Self {
        self.dns.push(name.into());
        self
    }

    /// Returns the SHA-256 of the certificate, as 64 hexadecimal digits in lower case. Always there for
    /// `Client-Cert`, and over the server's own TLS.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Returns the certificate itself, in DER. There for `Client-Cert`, and over the server's own TLS.
    #[must_use]
    pub fn der(&self) -> Option<&[u8]> {
        self.der.as_deref()
    }

    /// Returns the subject as the proxy writes it: `CN=billing,O=example`. For `X-Forwarded-Client-Cert`
    /// only.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns the URIs that it is for. There for `X-Forwarded-Client-Cert`, and over the server's own TLS.
    pub fn uris(&self) -> impl ExactSizeIterator<Item = &str> {
        self.uris.iter().map(String::as_str)
    }

    /// Returns the DNS names that it is for. There for `X-Forwarded-Client-Cert`, and over the server's own
    /// TLS.
    pub fn dns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }
}
