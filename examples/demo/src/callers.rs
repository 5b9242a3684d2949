//! Who may call besides those with an API key: whoever has a token, and whoever signs.
//!
//! The demo is its own issuer, so that everything can be tried without one.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use portcullis::{
    ConfigError, Principal,
    api_key::{KeyChange, KeyFile},
    audit::{Audit, Event},
    jwt::{Jwt, JwtKey},
    signature::{
        MemoryReplays, SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey,
    },
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::json;

/// An issuer of tokens that are signed with Ed25519.
pub(crate) struct Issuer(Ed25519KeyPair);

/// Both sides of a shared secret.
#[derive(Debug)]
pub(crate) struct Signatures {
    /// Takes requests that are signed with it, each once.
    pub(crate) guard: SignatureGuard,
    pub(crate) signer: Signer,
}

/// Reads a file of keys again when it changes, and notes it.
pub(crate) fn watch(file: KeyFile, audit: Option<Audit>) -> KeyFile {
    let listener = move |change: &KeyChange| {
        let event = match change {
            KeyChange::Reloaded(_) => Event::reloaded("API_KEYS_FILE"),
            KeyChange::Refused(_) => Event::reload_failed("API_KEYS_FILE"),
            KeyChange::Revoked(id) | KeyChange::Removed(id) => Event::revoked(id),
            _ => return,
        };
        if let Some(audit) = &audit {
            audit.record(event);
        }
    };
    file.on_change(listener).watch(WATCH)
}

/// Returns a secret that nobody has.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

// ===== impl Issuer =====

impl Issuer {
    /// Reads a private key in PEM (PKCS #8).
    pub(crate) fn from_pem(text: &str) -> Result<Self, ConfigError> {
        let body = text.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(body.collect::<String>()).ok();
        let key = der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok());
        let problem = "not a private key of Ed25519 in PEM";
        key.map(Self).ok_or_else(|| ConfigError::new(problem))
    }

    /// Returns one with a fresh key.
    pub(crate) fn fresh() -> Result<Self, ConfigError> {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let key = key
            .ok()
            .and_then(|der| Ed25519KeyPair::from_pkcs8(der.as_ref()).ok());
        key.map(Self)
            .ok_or_else(|| ConfigError::new("no random numbers"))
    }

    /// Returns what takes its tokens.
    pub(crate) fn guard(&self) -> Result<Jwt, ConfigError> {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "x": x });
        Jwt::new(ISSUER, [AUDIENCE], JwtKey::from_jwk(jwk.to_string())?)
    }

    /// Returns a token that was issued so long ago, and good for five minutes from then on.
    pub(crate) fn token(&self, subject: &str, age: Duration) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let issued = now.unwrap_or_default().saturating_sub(age).as_secs();
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID });
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": issued, "exp": issued + 300,
        });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer(..)")
    }
}

// ===== impl Signatures =====

impl Signatures {
    pub(crate) fn new(secret: &str) -> Result<Self, ConfigError> {
        let key = SigningKey::hmac_sha256(secret)?;
        let keys = SignatureKeys::new().and(KEY_ID, key.verifying_key(Principal::new(KEY_ID)));
        let policy = SignaturePolicy::new().single_use(MemoryReplays::new(NONCES));
        Ok(Self {
            guard: SignatureGuard::try_new(keys, policy)?,
            signer: Signer::try_new(KEY_ID, key)?.nonce(true),
        })
    }
}

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "demo";
const KEY_ID: &str = "demo";
/// How often a file of keys is looked at.
const WATCH: Duration = Duration::from_secs(2);
/// Of five minutes, at 300 signed requests a second.
const NONCES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_told() {
        for text in [
            "",
            "x",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let problem = Issuer::from_pem(text).unwrap_err().to_string();
            assert_eq!(problem, "not a private key of Ed25519 in PEM");
        }
        assert!(Signatures::new("short").is_err());
        assert!(Signatures::new(&secret()).is_ok());
    }

    #[test]
    fn an_issuer_is_not_printed() {
        let issuer = Issuer::fresh().unwrap();

        assert_eq!(format!("{issuer:?}"), "Issuer(..)");
        assert_eq!(issuer.token("ann", Duration::ZERO).split('.').count(), 3);
        assert!(issuer.guard().is_ok());
    }
}
