use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sha2::Sha256;

/// An algorithm of signatures (RFC 9421, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256 (section 3.3.3): both sides know the secret.
    HmacSha256,
    /// ECDSA with curve P-256 and SHA-256 (section 3.3.4).
    EcdsaP256Sha256,
    /// EdDSA with curve 25519 (section 3.3.6).
    Ed25519,
}

// ===== impl Algorithm =====

impl Algorithm {
    /// Returns the registered name (RFC 9421, section 6.2.2): `hmac-sha256`, `ecdsa-p256-sha256`,
    /// `ed25519`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Returns `true` if `signature` is that of `base`. A secret is compared in constant time.
    pub(super) fn verifies(self, key: &[u8], base: &[u8], signature: &[u8]) -> bool {
        let public: &dyn VerificationAlgorithm = match self {
            Self::HmacSha256 => {
                return hmac(key, base).is_some_and(|mac| mac.verify_slice(signature).is_ok());
            }
            Self::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Ed25519 => &signature::ED25519,
        };
        UnparsedPublicKey::new(public, key)
            .verify(base, signature)
            .is_ok()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the HMAC of a text. Keys of any length are one.
pub(super) fn hmac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac)
}
