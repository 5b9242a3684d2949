//! What several fuzz targets share: requests, tokens, and the time.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method, Request, Uri, request};
use portcullis::{
    ManualClock, WallClock,
    jwt::{Jwt, JwtKey},
};
use sha2::Sha256;

/// Reads a request as it stands on the wire: `METHOD TARGET`, then a field on each line. Values are any
/// bytes that one can have. What is no line is left out.
pub fn head(data: &[u8]) -> Option<request::Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let (method, target) = first.split_at(first.iter().position(|byte| *byte == b' ')?);
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(method).ok()?;
    head.uri = Uri::try_from(&target[1..]).ok()?;
    for line in lines.take(MOST_FIELDS) {
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let value = line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..]);
        let name = HeaderName::from_bytes(&line[..at]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            head.headers.append(name, value);
        }
    }
    Some(head)
}

/// The time at which all targets are run.
pub fn now() -> WallClock {
    WallClock::from(&ManualClock::new(NOW))
}

/// Guards that take tokens of [`token`]: one as it is by default, and one with all that can be set.
pub fn token_guards() -> [Jwt; 2] {
    let key = || JwtKey::hs256("k1", SECRET).unwrap();
    let default = Jwt::builder(ISSUER, [AUDIENCE], key()).clock(now());
    let full = Jwt::builder(ISSUER, [AUDIENCE], key())
        .clock(now())
        .max_age(Duration::from_secs(3600))
        .roles_claim("roles")
        .tenant_claim("tenant")
        .label_claim("plan");
    [default, full].map(|builder| builder.build().unwrap())
}

/// Signs a token, whatever is in it.
pub fn token(header: &[u8], claims: &[u8]) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = encode(&hmac(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The right signature of a token's first two parts.
pub fn hmac(signed: &[u8]) -> Vec<u8> {
    let hmac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    hmac.chain_update(signed).finalize().into_bytes().to_vec()
}

pub const NOW: u64 = 1_700_000_000;
pub const SECRET: &[u8] = b"q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "api";

const MOST_FIELDS: usize = 64;
