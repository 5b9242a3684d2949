//! Tokens (RFC 7519): the right one, and whatever else its parts may be.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::PrivateKey;
use crate::profile::Tokens;

/// Makes tokens that the server takes, and others.
#[derive(Debug)]
pub(crate) struct Forge {
    pub(crate) tokens: Tokens,
    pub(crate) key: PrivateKey,
}

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

// ===== impl Forge =====

impl Forge {
    pub(super) const fn new(tokens: Tokens, key: PrivateKey) -> Self {
        Self { tokens, key }
    }

    /// Returns the header of a right token.
    pub(crate) fn header(&self) -> Object {
        let mut header = Object::new();
        header.insert("alg".to_owned(), self.key.algorithm().into());
        for (name, value) in [("typ", &self.tokens.typ), ("kid", &self.tokens.kid)] {
            if let Some(value) = value {
                header.insert(name.to_owned(), value.as_str().into());
            }
        }
        header
    }

    /// Returns the claims of a right token. No two have one `jti`.
    pub(crate) fn claims(&self) -> Object {
        let (tokens, now) = (&self.tokens, now());
        let mut claims: Object = tokens.claims.clone().into_iter().collect();
        for (name, value) in [
            ("iss", json!(tokens.issuer)),
            ("sub", json!(tokens.subject)),
            ("aud", json!(tokens.audience)),
            ("iat", json!(now)),
            ("nbf", json!(now)),
            ("exp", json!(now + 300)),
            ("jti", json!(format!("{:032x}", rand::random::<u128>()))),
        ] {
            claims.insert(name.to_owned(), value);
        }
        claims
    }

    /// Returns a right token.
    pub(crate) fn right(&self) -> String {
        self.token(&self.header(), &self.claims())
    }

    /// Returns a token with a right signature.
    pub(crate) fn token(&self, header: &Object, claims: &Object) -> String {
        self.signed(&text(header), &text(claims))
    }

    /// Returns a token with a right signature, of any texts.
    pub(crate) fn signed(&self, header: &str, claims: &str) -> String {
        sealed(header, claims, |message| self.key.sign(message))
    }

    /// Returns a right token with something else in its header.
    pub(crate) fn with_header(&self, name: &str, value: impl Into<Value>) -> String {
        self.token(&with(self.header(), name, value), &self.claims())
    }

    /// Returns a right token with another claim.
    pub(crate) fn with_claim(&self, name: &str, value: impl Into<Value>) -> String {
        self.token(&self.header(), &with(self.claims(), name, value))
    }

    /// Returns a right token without a claim.
    pub(crate) fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims();
        claims.remove(name);
        self.token(&self.header(), &claims)
    }

    /// Returns a right token whose claim has a value as it is written, which may be no JSON of ours.
    pub(crate) fn with_raw_claim(&self, name: &str, raw: &str) -> String {
        let mut claims = self.claims();
        claims.remove(name);
        let claims = text(&claims);
        let claims = format!("{{\"{name}\":{raw},{}", &claims[1..]);
        self.signed(&text(&self.header()), &claims)
    }
}

/// Returns an object with another value.
pub(crate) fn with(mut object: Object, name: &str, value: impl Into<Value>) -> Object {
    object.insert(name.to_owned(), value.into());
    object
}

/// Returns the JSON of an object.
pub(crate) fn text(object: &Object) -> String {
    Value::Object(object.clone()).to_string()
}

/// Returns a token of these texts, signed by a function.
pub(crate) fn sealed(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = encoded(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Returns base64url without padding.
pub(crate) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the date, in seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
