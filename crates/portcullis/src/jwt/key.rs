use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use portcullis_core::{ConfigError, Secret};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use sha2::Sha256;

use super::{Algorithm, json::Object, jwk, text};

/// A key that tokens are verified with, for one algorithm. Clones share it.
///
/// A secret is wiped from memory with the last clone, and not printed.
#[derive(Clone)]
pub struct JwtKey(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    /// Whether the key itself said so.
    is_named: bool,
    material: Material,
}

/// What was checked: it is worth a verification.
#[derive(Clone)]
pub(super) enum Material {
    Rsa(RsaPublicKeyComponents<Box<[u8]>>),
    /// A point of P-256, uncompressed.
    P256(Box<[u8]>),
    Ed25519(Box<[u8]>),
    Secret(Hmac<Sha256>),
}

// ===== impl JwtKey =====

impl JwtKey {
    /// Creates a key for HS256, which everyone who verifies tokens could also sign with.
    ///
    /// `id` is the `kid` of its tokens; one without a `kid` is fine where it is the only such key.
    ///
    /// # Errors
    ///
    /// Returns an error for a secret of less than 32 bytes (RFC 7518, section 3.2) or one of examples (see
    /// [`Secret`]), or for an id that is
    /// empty, longer than 128 bytes, or has control characters.
    pub fn hs256(id: impl Into<Box<str>>, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (id, secret) = (id.into(), Material::secret(secret.as_ref()));
        let wrong_id = (!text::is_id(&id)).then(|| text::WRONG_ID.to_owned());
        let wrong_secret = secret.as_ref().err().cloned();
        ConfigError::check(wrong_id.into_iter().chain(wrong_secret).collect())?;
        let material = secret.map_err(ConfigError::new)?;
        Ok(Self::new(Some(id), Algorithm::Hs256, true, material))
    }

    /// Parses a JWK (RFC 7517): RSA of 2048 to 8192 bits, P-256, Ed25519, or a secret of 32 bytes and more.
    ///
    /// The key is for its `alg`. Without one, a key of RSA is for RS256, unless [told](Self::rsa_pss).
    ///
    /// # Errors
    ///
    /// Returns what is wrong: also for a key that is for something else than verifying, or has its
    /// private part.
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::new(format!("JWK: {problem}"));
        let not_json = |_| problem("not an object, or a member is there twice".to_owned());
        let object = Object::parse(json.as_ref()).map_err(not_json)?;
        let key = jwk::parse(&object).map_err(problem)?;
        key.ok_or_else(|| problem("of a type, an algorithm or a use that is not known".to_owned()))
    }

    /// Returns the same key for PS256, if it is of RSA and its JWK had no `alg`.
    #[must_use]
    pub fn rsa_pss(mut self) -> Self {
        if self.0.algorithm == Algorithm::Rs256 && !self.0.is_named {
            Arc::make_mut(&mut self.0).algorithm = Algorithm::Ps256;
        }
        self
    }

    /// Returns the key's id: the `kid` of its tokens.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// Returns the algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    pub(super) fn new(
        id: Option<Box<str>>,
        algorithm: Algorithm,
        is_named: bool,
        material: Material,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            algorithm,
            is_named,
            material,
        }))
    }

    /// Returns `true` if the signature of a message is right.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Rsa(key) => {
                let padding = if self.0.algorithm == Algorithm::Ps256 {
                    &RSA_PSS_2048_8192_SHA256
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                key.verify(padding, message, signature).is_ok()
            }
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
            // In constant time, and of its whole length.
            Material::Secret(hmac) => {
                let hmac = hmac.clone().chain_update(message);
                hmac.verify_slice(signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("id", &self.0.id)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}

// ===== impl Material =====

impl Material {
    pub(super) fn secret(secret: &[u8]) -> Result<Self, String> {
        Secret::check(secret).map_err(|error| error.of("HS256").to_string())?;
        // There is no length that it refuses.
        let hmac = Hmac::new_from_slice(secret).map_err(|error| error.to_string())?;
        Ok(Self::Secret(hmac))
    }
}
