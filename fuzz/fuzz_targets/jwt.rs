//! No token is taken but one with the right signature, and claims that are right when somebody else reads
//! them. Two lines are a header and claims, which are signed here; one is a token as it comes.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use portcullis::{Principal, jwt::Jwt};
use portcullis_fuzz::{AUDIENCE, ISSUER, NOW, hmac, token, token_guards};
use serde_json::Value;

static GUARDS: LazyLock<[Jwt; 2]> = LazyLock::new(token_guards);

fuzz_target!(|data: &[u8]| {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => check(token(&data[..at], &data[at + 1..]).as_bytes()),
        None => check(data),
    }
});

fn check(token: &[u8]) {
    let [default, full] = GUARDS.each_ref().map(|guard| guard.principal(token));
    if let Ok(principal) = &full {
        let default = default.as_ref().map(Principal::id);
        assert_eq!(default, Ok(principal.id()));
    }
    for principal in [default, full].into_iter().flatten() {
        is_right(token, &principal);
    }
}

/// Reads a token that was taken, by another way.
fn is_right(token: &[u8], principal: &Principal) {
    let parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("it has {} parts", parts.len());
    };
    let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let signed = &token[..header.len() + 1 + claims.len()];
    assert_eq!(decode(signature), hmac(signed));

    // It reads all of an object, also what nobody wants: what is too deep, or too large a number.
    let object = |part| serde_json::from_slice::<Value>(&decode(part));
    let (Ok(header), Ok(claims)) = (object(header), object(claims)) else {
        return;
    };
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("kid").is_none_or(|id| id == "k1"));
    for name in ["crit", "jku", "jwk", "x5u", "x5c", "b64"] {
        assert!(header.get(name).is_none(), "{name}");
    }

    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"], principal.id());
    let is_for_us = |aud: &Value| aud == AUDIENCE;
    let of_many = claims["aud"]
        .as_array()
        .map(|many| many.iter().any(is_for_us));
    assert!(of_many.unwrap_or_else(|| is_for_us(&claims["aud"])));
    // By a float, which has not all digits.
    assert!(claims["exp"].as_f64().unwrap() >= (NOW - LEEWAY) as f64);
    for name in ["nbf", "iat"] {
        let date = claims.get(name).map(|date| date.as_f64().unwrap());
        assert!(
            date.is_none_or(|date| date <= (NOW + LEEWAY) as f64),
            "{name}"
        );
    }
    assert!(!principal.id().contains(char::is_control));
}

const LEEWAY: u64 = 30;
