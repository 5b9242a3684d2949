use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Hmac;
use portcullis_core::{ConfigError, Secret};
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
    /// Returns what is wrong: what is not base64, or as for [`from_bytes`](Self::from_bytes), of the bytes
    /// and of the text. Neither is ever printed.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = STANDARD.decode(text).map(Zeroizing::new);
        let Ok(bytes) = bytes else {
            return Err(ConfigError::new("webhook secret: is not in base64"));
        };
        check(&bytes)?;
        Secret::check(text.as_bytes()).map_err(|error| error.of(NAME))?;
        Ok(Self(Arc::new(bytes)))
    }

    /// Creates a secret of 24 to 64 bytes, as Standard Webhooks has them. They must be random, as a
    /// [`Secret`] must.
    ///
    /// # Errors
    ///
    /// Returns what is wrong: another length, fewer than 8 different bytes, words of examples in it, such
    /// as `changeme`, or the secret of the specification's own example. The bytes are not in the error.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, ConfigError> {
        let bytes = Zeroizing::new(bytes.into());
        check(&bytes)?;
        Ok(Self(Arc::new(bytes)))
    }

    /// Reads the secret of the specification's example, and others that everybody knows.
    #[cfg(test)]
    pub(super) fn known_to_all(text: &str) -> Self {
        let text = text.strip_prefix("whsec_").unwrap();
        Self(Arc::new(STANDARD.decode(text).unwrap().into()))
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

fn check(bytes: &[u8]) -> Result<(), ConfigError> {
    if !(SHORTEST..=LONGEST).contains(&bytes.len()) {
        let length = bytes.len();
        return Err(ConfigError::new(format!(
            "{NAME}: has {SHORTEST} to {LONGEST} bytes, this has {length}"
        )));
    }
    if *Zeroizing::new(STANDARD.encode(bytes)) == EXAMPLE {
        let problem = format!("{NAME}: a secret is random, this is the specification's example");
        return Err(ConfigError::new(problem));
    }
    // Twice, it is long enough for a secret whose length is of no interest here, and no more random.
    let twice = Zeroizing::new([bytes, bytes].concat());
    Secret::check(&twice).map_err(|error| error.of(NAME))
}

const NAME: &str = "webhook secret";
const SHORTEST: usize = 24;
const LONGEST: usize = 64;

/// Printed in the specification's libraries, and in their documentation.
const EXAMPLE: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
