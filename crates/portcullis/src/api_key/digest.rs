use std::{array, fmt};

use hmac::{Hmac, KeyInit, Mac};
use portcullis_core::{ConfigError, Secret};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What a store keeps of a key's secret. It can be compared in constant time only, and is not printed by
/// `Debug`.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

/// How digests are made of secrets: by SHA-256, or by HMAC-SHA-256 with a pepper.
///
/// SHA-256 is enough for keys with 256 random bits (NIST SP 800-63B, look-up secrets). A pepper, kept
/// apart from the digests, adds that nobody can add a key of their own to a file or a table that they can
/// write, nor try keys offline.
#[derive(Clone, Default)]
pub struct KeyHasher(Option<Hmac<Sha256>>);

// ===== impl KeyDigest =====

impl KeyDigest {
    /// The digest of an unknown key: no text is known to have it.
    pub(super) const NONE: Self = Self([0; 32]);

    /// Creates the SHA-256 digest of a secret. With the 43 characters of ours that is one block.
    #[must_use]
    #[inline]
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
    #[inline]
    fn ct_eq(&self, other: &Self) -> Choice {
        let pairs = self.words().into_iter().zip(other.words());
        let differ = pairs.fold(0, |so_far, (one, other)| so_far | (one ^ other));
        differ.ct_eq(&0)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

// ===== impl KeyHasher =====

impl KeyHasher {
    /// SHA-256.
    pub(super) const SHA256: Self = Self(None);

    /// Creates a hasher by SHA-256, without a pepper.
    #[must_use]
    pub const fn sha256() -> Self {
        Self::SHA256
    }

    /// Creates a hasher by HMAC-SHA-256 (RFC 2104) with a pepper: a secret of the server's.
    #[must_use]
    pub fn hmac_sha256(pepper: &Secret) -> Self {
        // HMAC takes keys of any length.
        Self(Hmac::new_from_slice(pepper.expose()).ok())
    }

    /// Returns the digest of a secret.
    #[must_use]
    #[inline]
    pub fn digest(&self, secret: &[u8]) -> KeyDigest {
        match &self.0 {
            None => KeyDigest::from_secret(secret),
            Some(keyed) => KeyDigest(
                keyed
                    .clone()
                    .chain_update(secret)
                    .finalize()
                    .into_bytes()
                    .into(),
            ),
        }
    }

    /// Returns what stands before a digest in a configuration: `sha256` or `hmac-sha256`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.0.is_some() {
            "hmac-sha256"
        } else {
            "sha256"
        }
    }

    /// Parses a digest that was made like this: `sha256:HEX`.
    pub(super) fn parse(&self, text: &str) -> Result<KeyDigest, String> {
        let name = self.name();
        let (found, hex) = text
            .split_once(':')
            .ok_or_else(|| format!("a digest reads {name}:HEX"))?;
        if found != name {
            return Err(match found {
                "hmac-sha256" => "the digest needs a pepper, and there is none".to_owned(),
                "sha256" => "there is a pepper, and the digest is made without".to_owned(),
                _ => format!("a digest reads {name}:HEX"),
            });
        }
        KeyDigest::from_hex(hex).map_err(|_| "a digest has 64 hexadecimal digits".to_owned())
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHasher({})", self.name())
    }
}
