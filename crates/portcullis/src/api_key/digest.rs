use std::{array, fmt};

use portcullis_core::ConfigError;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// SHA-256 of a key's secret. Compared in constant time, and not printed by `Debug`.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of an unknown key: no text is known to have it.
    pub(super) const NONE: Self = Self([0; 32]);

    /// Creates the digest of a secret. With the 43 characters of ours that is one block of SHA-256.
    #[must_use]
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Returns an error when `text` is something else.
    pub fn from_hex(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("a digest is 64 hexadecimal digits");
        let mut bytes = [0; 32];
        let is_hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex {
            return Err(wrong());
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }

    /// The digest in pieces that are compared at once.
    fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks();
        array::from_fn(|at| u64::from_ne_bytes(words[at]))
    }

    /// Returns 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl ConstantTimeEq for KeyDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.words().ct_eq(&other.words())
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}
