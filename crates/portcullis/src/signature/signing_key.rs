use std::{fmt, sync::Arc};

use hmac::Mac;
use portcullis_core::{ConfigError, Principal};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use zeroize::Zeroizing;

use super::{Algorithm, SignatureKey, algorithm::hmac, key::check_secret, pem};

/// What a [`Signer`](super::Signer) signs with. Clones share the key. It is not printed, and a secret is
/// wiped from memory when it is dropped.
#[derive(Clone)]
pub struct SigningKey(Arc<Private>);

enum Private {
    Hmac(Zeroizing<Vec<u8>>),
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

// ===== impl SigningKey =====

impl SigningKey {
    /// Creates a key for `hmac-sha256` from a shared secret.
    ///
    /// # Errors
    ///
    /// Returns an error for a secret of less than 32 bytes, or one of examples: see
    /// [`Secret`](crate::Secret).
    pub fn hmac_sha256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        check_secret(secret)?;
        Ok(Self(Arc::new(Private::Hmac(Zeroizing::new(
            secret.to_vec(),
        )))))
    }

    /// Reads a private key of ed25519 or P-256 from PEM (PKCS #8: `BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// Returns an error for anything else. The text is never printed.
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        let der = pem::decode(text, "PRIVATE KEY");
        let key = der.as_ref().and_then(|der| Private::from_pkcs8(der));
        let problem = "not a private key of ed25519 or P-256 in PEM";
        let key = key.ok_or_else(|| ConfigError::new(problem))?;
        Ok(Self(Arc::new(key)))
    }

    /// Returns the algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match &*self.0 {
            Private::Hmac(_) => Algorithm::HmacSha256,
            Private::Ed25519(_) => Algorithm::Ed25519,
            Private::P256(_) => Algorithm::EcdsaP256Sha256,
        }
    }

    /// Returns what verifies its signatures.
    #[must_use]
    pub fn verifying_key(&self, principal: Principal) -> SignatureKey {
        let material = match &*self.0 {
            Private::Hmac(secret) => secret,
            Private::Ed25519(pair) => pair.public_key().as_ref(),
            Private::P256(pair) => pair.public_key().as_ref(),
        };
        SignatureKey::new(self.algorithm(), material, principal)
    }

    /// Returns the signature of a base; nothing if the system has no random numbers.
    pub(super) fn sign(&self, base: &[u8]) -> Option<Vec<u8>> {
        match &*self.0 {
            Private::Hmac(secret) => {
                let mac = hmac(secret, base)?;
                Some(mac.finalize().into_bytes().to_vec())
            }
            Private::Ed25519(pair) => Some(pair.sign(base).as_ref().to_vec()),
            Private::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), base).ok()?;
                Some(signature.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.algorithm())
    }
}

// ===== impl Private =====

impl Private {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok();
        let p256 = || {
            let random = SystemRandom::new();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random).ok()
        };
        ed25519
            .map(Self::Ed25519)
            .or_else(|| p256().map(Self::P256))
    }
}
