//! A verifier of tokens by hand, right in all but the fault.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::{
    faults::Fault,
    tokens::{AUDIENCE, ISSUER, KID},
};

/// A token in its parts.
#[derive(Debug)]
pub(crate) struct Loose {
    fault: Fault,
    header: Value,
    claims: Value,
    message: String,
    signature: Vec<u8>,
}

// ===== impl Loose =====

impl Loose {
    /// The header, whatever it is.
    pub(crate) fn header(token: &str) -> Value {
        let header = token.split('.').next().and_then(|part| json(part, true));
        header.unwrap_or_default()
    }

    pub(crate) fn new(fault: Fault, token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return None;
        };
        let json = |part| match fault {
            Fault::TokenFirstWins => first_members(part),
            _ => json(part, fault == Fault::TokenLastWins),
        };
        Some(Self {
            fault,
            header: json(header)?,
            claims: json(claims)?,
            message: format!("{header}.{claims}"),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(crate) fn is_good(&self) -> bool {
        self.is_header_good()
            && self.is_signed()
            && self.are_parties_good()
            && self.are_dates_good()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn is_header_good(&self) -> bool {
        let brings = ["jku", "jwk", "x5u", "x5c"];
        let brings = brings.iter().any(|name| self.header.get(name).is_some());
        let is_critical = self.header.get("crit").is_some();
        let kid = self.header["kid"].as_str();
        let typ = self.header["typ"].as_str();
        let is_kid_free = [
            Fault::TokenKidPath,
            Fault::TokenKidUnread,
            Fault::TokenJwkTrusted,
        ];
        (!brings || self.has(Fault::TokenJwkTrusted))
            && (!is_critical || self.has(Fault::TokenCritUnread))
            && (typ == Some("JWT") || self.has(Fault::TokenTypUnread))
            && (kid == Some(KID) || is_kid_free.contains(&self.fault))
    }

    fn is_signed(&self) -> bool {
        let algorithm = self.header["alg"].as_str().unwrap_or("");
        match (self.fault, algorithm) {
            (Fault::TokenAlgNone, "none") => true,
            (Fault::TokenAlgNoneCased, name) if name != "none" => {
                name.eq_ignore_ascii_case("none") || self.is_ours(algorithm)
            }
            (Fault::TokenPublicKey, "HS256") => self.is_by_secret(PUBLIC_KEY.as_bytes()),
            (Fault::TokenKidPath, "HS256") => {
                let file = self.header["kid"].as_str().unwrap_or("");
                file.ends_with("/dev/null") && self.is_by_secret(b"")
            }
            (Fault::TokenAlgUnread, _) => self.is_by(POINT),
            (Fault::TokenUnsigned, "ES256") if self.signature.is_empty() => true,
            (Fault::TokenZeros, "ES256") if self.signature == [0; 64] => true,
            (Fault::TokenJwkTrusted, "ES256") => {
                self.embedded().is_some_and(|key| self.is_by(&key))
            }
            _ => self.is_ours(algorithm),
        }
    }

    fn is_ours(&self, algorithm: &str) -> bool {
        algorithm == "ES256" && self.is_by(POINT)
    }

    fn is_by(&self, point: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(self.message.as_bytes(), &self.signature).is_ok()
    }

    fn is_by_secret(&self, secret: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        hmac::verify(&key, self.message.as_bytes(), &self.signature).is_ok()
    }

    /// The key that a token brings along.
    fn embedded(&self) -> Option<Vec<u8>> {
        let part = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(self.header["jwk"][name].as_str()?)
                .ok()
        };
        Some([vec![4], part("x")?, part("y")?].concat())
    }

    fn are_parties_good(&self) -> bool {
        let audience = &self.claims["aud"];
        let is_own = |value: &Value| value.as_str() == Some(AUDIENCE);
        let is_within = |value: &Value| value.as_str().is_some_and(|text| text.contains(AUDIENCE));
        let is_for_us = match (self.fault, audience) {
            (Fault::TokenAudUnread, _) => true,
            (Fault::TokenAudWithin, value) => is_within(value),
            (_, Value::Array(all)) => all.iter().any(is_own),
            (_, value) => is_own(value),
        };
        let is_ours = self.claims["iss"].as_str() == Some(ISSUER);
        is_for_us && (is_ours || self.has(Fault::TokenIssUnread))
    }

    fn are_dates_good(&self) -> bool {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let claim = |name: &str| self.claims.get(name);
        let expires = match claim("exp") {
            None => self.has(Fault::TokenExpMissing),
            Some(Value::String(_)) if self.has(Fault::TokenExpText) => true,
            Some(date) => date.as_u64().is_some_and(|date| date > now),
        };
        let has_begun = |name: &str, fault: Fault| match claim(name) {
            None => true,
            Some(Value::Null) if name == "nbf" && self.has(Fault::TokenNbfNull) => true,
            Some(date) => {
                let date = date.as_u64();
                date.is_some_and(|date| date <= now + 30 || self.has(fault))
            }
        };
        expires
            && has_begun("nbf", Fault::TokenNbfUnread)
            && has_begun("iat", Fault::TokenIatUnread)
    }
}

/// The JSON of a part. What has a member twice is longer than what is made of it.
fn json(part: &str, may_be_twice: bool) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let is_as_written = value.to_string().len() == bytes.len();
    (value.is_object() && (is_as_written || may_be_twice)).then_some(value)
}

/// The JSON of a part, with the first of each member.
fn first_members(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let First(members) = serde_json::from_slice(&bytes).ok()?;
    Some(Value::Object(members))
}

/// An object with the first of each member.
struct First(Map<String, Value>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<First, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = all.next_entry::<String, Value>()? {
            members.entry(name).or_insert(value);
        }
        Ok(First(members))
    }
}

/// The point of the key.
const POINT: &[u8] = &[
    0x04, 0xf4, 0xac, 0xd2, 0x13, 0xab, 0xc4, 0xab, 0xd2, 0xee, 0x1e, 0x01, 0xf8, 0xaa, 0x73, 0x5e,
    0x1e, 0xfa, 0x66, 0x0e, 0x43, 0x18, 0x27, 0x62, 0x5d, 0x58, 0xb8, 0x2f, 0xd4, 0x65, 0x67, 0x57,
    0x37, 0xfa, 0xc9, 0x3c, 0x8c, 0x7d, 0x75, 0x73, 0x52, 0x50, 0x0f, 0xda, 0x1f, 0xec, 0x01, 0x18,
    0xb9, 0x74, 0x11, 0x6f, 0x15, 0xc0, 0x20, 0xca, 0x97, 0xaa, 0x74, 0x59, 0x15, 0x4d, 0x68, 0xc8,
    0xfd,
];

/// The same key, as programs keep it in a file.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9KzSE6vEq9LuHgH4qnNeHvpmDkMY\n\
    J2JdWLgv1GVnVzf6yTyMfXVzUlAP2h/sARi5dBFvFcAgypeqdFkVTWjI/Q==\n\
    -----END PUBLIC KEY-----\n";
