use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Hmac;
use portcullis_core::ConfigError;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::signature::algorithm::hmac;

/// A secret that a sender of webhooks and its receiver share. Clones share it. Wiped from memory when it is
/// dropped, and not printed.
#[derive(Clone)]
pub struct WebhookSecret(Arc<Zeroizing<Vec<u8>>>);

// ===== impl WebhookSecret =====

impl WebhookSecret {
    /// Reads a secret: 24 to 64 bytes in base64, with or without `whsec_` in front.
    ///
    /// # Errors
    ///
    /// Returns an error for anything else. The text is never printed.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("a secret of webhooks is 24 to 64 bytes in base64");
        let text = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
        Self::from_bytes(bytes).map_err(|_| wrong())
    }

    /// Creates a secret of 24 to 64 bytes.
    ///
    /// # Errors
    ///
    /// Returns an error for another length.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, ConfigError> {
        let bytes = Zeroizing::new(bytes.into());
        if !(24..=64).contains(&bytes.len()) {
            return Err(ConfigError::new("a secret of webhooks has 24 to 64 bytes"));
        }
        Ok(Self(Arc::new(bytes)))
    }

    /// Returns the HMAC of a text, so far.
    pub(super) fn begin(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        hmac(&self.0, text)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}
