//! What is signed: tokens and requests, each beside the bare verification.

#![expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]

use std::hint::black_box;

use axum::http::{HeaderValue, Request, request::Parts};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http_body::SizeHint;
use portcullis::{
    Guard, ManualClock, Principal, Reply, WallClock,
    jwt::{Jwt, JwtKey},
    signature::{SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey},
};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        UnparsedPublicKey,
    },
};
use sha2::Sha256;

use crate::stack::{Stack, Step};

pub(crate) const BARE_ES256: &str = "bare ES256";
pub(crate) const ES256: &str = "token of ES256";
pub(crate) const BARE_HMAC: &str = "bare HMAC-SHA-256 of a signature's base";
pub(crate) const HMAC: &str = "signature of hmac-sha256";

/// The steps of the table of costs.
pub(crate) const COSTS: [Stack; 4] = [
    Stack::step(BARE_ES256, "ring's verification alone", bare_es256),
    Stack::step(ES256, "a right token, the guard alone", es256),
    Stack::step(BARE_HMAC, "with a key that is made ready", bare_hmac),
    Stack::step(
        HMAC,
        "a right signature without a body, the guard alone",
        signature,
    ),
];

/// A token, and the key that verifies it.
struct Token {
    text: String,
    public: Vec<u8>,
}

// ===== impl Token =====

impl Token {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        let head = encode(br#"{"alg":"ES256","kid":"es"}"#);
        let claims = format!(
            r#"{{"iss":"issuer","aud":"api","sub":"alice","exp":{},"scope":"read"}}"#,
            NOW + 600
        );
        let signed = format!("{head}.{}", encode(claims.as_bytes()));
        let signature = pair.sign(&random, signed.as_bytes()).expect("a signature");
        Self {
            text: format!("{signed}.{}", encode(signature.as_ref())),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    fn key(&self) -> JwtKey {
        let [x, y] = [1..33, 33..65].map(|range| encode(&self.public[range]));
        let jwk =
            format!(r#"{{"kty":"EC","crv":"P-256","alg":"ES256","kid":"es","x":"{x}","y":"{y}"}}"#);
        JwtKey::from_jwk(jwk).expect("a key")
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn bare_es256() -> Step {
    let token = Token::new();
    let (signed, signature) = token.text.rsplit_once('.').expect("a token");
    let signed = signed.to_owned();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, token.public);
    Box::new(move || {
        let verified = key.verify(black_box(signed.as_bytes()), &signature);
        assert!(verified.is_ok());
    })
}

fn es256() -> Step {
    let token = Token::new();
    let jwt = Jwt::builder("issuer", ["api"], token.key());
    let jwt = jwt.clock(clock()).build().expect("a guard");
    let (mut parts, ()) = Request::new(()).into_parts();
    let value = HeaderValue::try_from(format!("Bearer {}", token.text)).expect("a field");
    parts.headers.insert("authorization", value);
    judge(jwt, parts)
}

/// As long as the base of the request below.
fn bare_hmac() -> Step {
    let keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    let base = [b'a'; BASE];
    let signature = keyed.clone().chain_update(base).finalize().into_bytes();
    Box::new(move || {
        let verified = keyed.clone().chain_update(black_box(&base));
        assert!(verified.verify_slice(&signature).is_ok());
    })
}

fn signature() -> Step {
    let key = SigningKey::hmac_sha256(SECRET).expect("a key");
    let keys = SignatureKeys::new().and("key-1", key.verifying_key(Principal::new("alice")));
    let policy = SignaturePolicy::new().clock(clock());
    let guard = SignatureGuard::try_new(keys, policy).expect("a guard");
    let request = Request::get("https://api.example/orders?page=2").header("host", "api.example");
    let (mut parts, ()) = request.body(()).expect("a request").into_parts();
    let signer = Signer::try_new("key-1", key)
        .expect("a signer")
        .clock(clock());
    signer.sign(&mut parts, None).expect("a signature");
    judge(guard, parts)
}

fn judge(guard: impl Guard, mut parts: Parts) -> Step {
    let mut reply = Reply::new(SizeHint::with_exact(0));
    Box::new(move || {
        let verdict = guard.admit(black_box(&mut parts), &mut reply);
        assert!(verdict.is_admit(), "{verdict:?}");
    })
}

fn clock() -> WallClock {
    WallClock::from(&ManualClock::new(NOW))
}

const NOW: u64 = 1_800_000_000;
const SECRET: &str = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
/// `"@method": GET`, and so on, to `@signature-params`.
const BASE: usize = 215;
