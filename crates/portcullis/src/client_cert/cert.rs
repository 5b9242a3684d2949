use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// A client's certificate, as far as a proxy tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCert {
    pub(super) der: Option<Vec<u8>>,
    pub(super) fingerprint: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) uris: Vec<String>,
    pub(super) dns: Vec<String>,
}

// ===== impl ClientCert =====

impl ClientCert {
    /// Reads `:BASE64:`, a byte sequence without parameters (RFC 9440, section 2.2).
    pub(super) fn from_byte_sequence(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        let base64 = text.strip_prefix(':')?.strip_suffix(':')?;
        let der = STANDARD.decode(base64).ok()?;
        // A SEQUENCE, as every certificate is.
        if der.first() != Some(&0x30) {
            return None;
        }
        let digest = Sha256::digest(&der);
        let hex = digest.iter().map(|byte| format!("{byte:02x}"));
        Some(Self {
            fingerprint: Some(hex.collect()),
            der: Some(der),
            ..Self::default()
        })
    }

    /// Returns the SHA-256 of the certificate, as 64 hexadecimal digits in lower case. Always there for
    /// `Client-Cert`.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Returns the certificate itself, in DER. For `Client-Cert` only.
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

    /// Returns the URIs that it is for. For `X-Forwarded-Client-Cert` only.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.uris.iter().map(String::as_str)
    }

    /// Returns the DNS names that it is for. For `X-Forwarded-Client-Cert` only.
    pub fn dns(&self) -> impl Iterator<Item = &str> {
        self.dns.iter().map(String::as_str)
    }
}
