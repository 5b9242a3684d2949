//! An issuer whose keys are known, and what it says of alice.

use std::sync::LazyLock;

use portcullis_core::{ManualClock, Reason};
use serde_json::{Value, json};

use super::signer::{Signer, set};
use crate::jwt::{Jwks, Jwt, JwtBuilder};

pub(super) const NOW: u64 = 1_700_000_000;
pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const SECRET: &[u8] = b"q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2or";

/// One of each algorithm.
pub(super) static SIGNERS: LazyLock<[Signer; 5]> = LazyLock::new(|| {
    [
        Signer::es256("es"),
        Signer::rs256("rs"),
        Signer::ps256("ps"),
        Signer::eddsa("ed"),
        Signer::hs256("hs", SECRET),
    ]
});

/// The first of them.
pub(super) fn signer() -> &'static Signer {
    &SIGNERS[0]
}

pub(super) fn builder() -> JwtBuilder {
    let keys = Jwks::parse(set(&*SIGNERS)).unwrap();
    Jwt::builder(ISSUER, ["api"], keys).clock(&ManualClock::new(NOW))
}

pub(super) fn jwt() -> Jwt {
    builder().build().unwrap()
}

pub(super) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "api", "sub": "alice", "exp": NOW + 600, "iat": NOW})
}

/// The usual claims, with one of them otherwise.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// The usual claims, without one of them.
pub(super) fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What comes of a token: who it is of, or why it is refused.
pub(super) fn judged(token: impl AsRef<[u8]>) -> Result<String, Reason> {
    static JWT: LazyLock<Jwt> = LazyLock::new(jwt);
    judged_by(&JWT, token)
}

pub(super) fn judged_by(jwt: &Jwt, token: impl AsRef<[u8]>) -> Result<String, Reason> {
    let principal = jwt.principal(token);
    principal.map(|principal| principal.id().to_owned())
}

pub(super) fn alice() -> Result<String, Reason> {
    Ok("alice".to_owned())
}
