use std::{fmt, sync::Arc};

use portcullis_core::{AuthScheme, ConfigError, Principal, Secret};
use zeroize::Zeroizing;

use super::{Algorithm, pem};

/// What a signature is verified with: a secret or a public key, bound to one algorithm, and whose it is.
///
/// Clones share the key. A secret is wiped from memory when it is dropped, and not printed.
#[derive(Clone)]
pub struct SignatureKey {
    algorithm: Algorithm,
    material: Arc<Zeroizing<Vec<u8>>>,
    principal: Principal,
    not_before: Option<u64>,
    expires: Option<u64>,
}

// ===== impl SignatureKey =====

impl SignatureKey {
    /// Creates a key for `hmac-sha256` from a shared secret.
    ///
    /// # Errors
    ///
    /// Returns an error for a secret of less than 32 bytes, or one of examples: see [`Secret`].
    pub fn hmac_sha256(
        secret: impl AsRef<[u8]>,
        principal: Principal,
    ) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        check_secret(secret)?;
        Ok(Self::new(Algorithm::HmacSha256, secret, principal))
    }

    /// Creates a key for `ed25519` from the 32 bytes of a public key (RFC 8032).
    ///
    /// # Errors
    ///
    /// Returns an error for another length.
    pub fn ed25519(public: impl AsRef<[u8]>, principal: Principal) -> Result<Self, ConfigError> {
        let public = public.as_ref();
        if public.len() != 32 {
            return Err(ConfigError::new("a public key of ed25519 has 32 bytes"));
        }
        Ok(Self::new(Algorithm::Ed25519, public, principal))
    }

    /// Creates a key for `ecdsa-p256-sha256` from the 65 bytes of a point that is not compressed (SEC 1,
    /// section 2.3.3).
    ///
    /// # Errors
    ///
    /// Returns an error for anything else.
    pub fn ecdsa_p256(public: impl AsRef<[u8]>, principal: Principal) -> Result<Self, ConfigError> {
        let public = public.as_ref();
        if !pem::is_point(public) {
            let problem = "a public key of P-256 has 65 bytes, the first of which is 4";
            return Err(ConfigError::new(problem));
        }
        Ok(Self::new(Algorithm::EcdsaP256Sha256, public, principal))
    }

    /// Reads a public key from PEM (`BEGIN PUBLIC KEY`): of ed25519 or P-256.
    ///
    /// # Errors
    ///
    /// Returns an error for anything else.
    pub fn from_public_pem(text: &str, principal: Principal) -> Result<Self, ConfigError> {
        let der = pem::decode(text, "PUBLIC KEY");
        let key = der.as_ref().and_then(|der| pem::public(der));
        let problem = "not a public key of ed25519 or P-256 in PEM";
        let (algorithm, public) = key.ok_or_else(|| ConfigError::new(problem))?;
        Ok(Self::new(algorithm, public, principal))
    }

    pub(super) fn new(algorithm: Algorithm, material: &[u8], principal: Principal) -> Self {
        Self {
            algorithm,
            material: Arc::new(Zeroizing::new(material.to_vec())),
            principal,
            not_before: None,
            expires: None,
        }
    }

    /// Sets from when on the key is good, in seconds since 1970.
    #[must_use]
    pub const fn not_before(mut self, unix: u64) -> Self {
        self.not_before = Some(unix);
        self
    }

    /// Sets when the key is good no more, in seconds since 1970.
    #[must_use]
    pub const fn expires_at(mut self, unix: u64) -> Self {
        self.expires = Some(unix);
        self
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns whose key it is.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns `true` if the key is good at this time, in seconds since 1970.
    #[must_use]
    pub fn is_good_at(&self, unix: u64) -> bool {
        self.not_before.is_none_or(|from| from <= unix)
            && self.expires.is_none_or(|until| unix < until)
    }

    /// Names the key to the principal, so that a request costs no copy of it.
    pub(super) fn named(mut self, id: &str) -> Self {
        let is_named =
            self.principal.scheme() == AuthScheme::Signature && self.principal.key_id() == Some(id);
        if !is_named {
            self.principal = self.principal.with_scheme(AuthScheme::Signature);
            self.principal = self.principal.with_key(id);
        }
        self
    }

    pub(super) fn verifies(&self, base: &[u8], signature: &[u8]) -> bool {
        self.algorithm.verifies(&self.material, base, signature)
    }
}

impl fmt::Debug for SignatureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureKey")
            .field("algorithm", &self.algorithm)
            .field("principal", &self.principal.id())
            .finish_non_exhaustive()
    }
}

pub(super) fn check_secret(secret: &[u8]) -> Result<(), ConfigError> {
    Secret::check(secret).map_err(|error| error.of("hmac-sha256"))
}
