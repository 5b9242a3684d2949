//! F01 to F04, F09, F12: tokens that nobody signed, and headers that say how they should be verified.

use portcullis_core::Reason;
use serde_json::{Value, json};

use super::{
    issuer::{SIGNERS, alice, claims, judged, signer},
    signer::{Signer, encode},
};

/// The usual header, with one parameter more or otherwise.
fn header_with(signer: &Signer, name: &str, value: Value) -> String {
    let mut header = signer.header();
    header[name] = value;
    header.to_string()
}

fn signed_with(name: &str, value: Value) -> String {
    let header = header_with(signer(), name, value);
    signer().sign(&header, &claims().to_string())
}

#[test]
fn a_token_of_each_algorithm_is_taken() {
    for signer in &*SIGNERS {
        assert_eq!(
            judged(signer.token(&claims())),
            alice(),
            "{}",
            signer.algorithm
        );
    }
}

#[test]
fn f01_what_says_that_it_needs_no_signature_is_refused() {
    for none in [
        "none", "None", "NONE", "nOnE", "", "null", "HS256 ", "es256", "ES512",
    ] {
        for signer in &*SIGNERS {
            let header = header_with(signer, "alg", none.into());
            let signed = signer.sign(&header, &claims().to_string());
            let unsigned = format!("{}.{}.", encode(&header), encode(claims().to_string()));
            assert_eq!(judged(&signed), Err(Reason::NotAllowed), "{none}");
            assert_eq!(judged(&unsigned), Err(Reason::NotAllowed), "{none}");
        }
    }
    let mut header = signer().header();
    header.as_object_mut().unwrap().remove("alg");
    let without = signer().sign(&header.to_string(), &claims().to_string());
    assert_eq!(judged(without), Err(Reason::Incomplete));
    assert_eq!(
        judged(signed_with("alg", Value::Null)),
        Err(Reason::Malformed)
    );
    // The twin: the same header as it should be.
    assert_eq!(judged(signed_with("alg", "ES256".into())), alice());
}

#[test]
fn f02_a_public_key_is_no_secret() {
    let rsa = &SIGNERS[1];
    let jwk = rsa.jwk().to_string();
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let der = include_bytes!("data/rsa-2048.pub.der");
    let pem = include_bytes!("data/rsa-2048.pub.pem");
    for secret in [jwk.as_bytes(), modulus.as_bytes(), der, pem] {
        for id in ["rs", "ps", "es"] {
            let forger = Signer::hs256(id, secret);
            assert_eq!(
                judged(forger.token(&claims())),
                Err(Reason::NotAllowed),
                "{id}"
            );
        }
        let forger = Signer::hs256("hs", secret);
        assert_eq!(judged(forger.token(&claims())), Err(Reason::BadSignature));
    }
    assert_eq!(judged(SIGNERS[4].token(&claims())), alice());
}

#[test]
fn f03_the_algorithm_is_the_keys_and_not_the_tokens() {
    for signer in &*SIGNERS {
        for other in ["RS256", "PS256", "ES256", "EdDSA", "HS256"] {
            let token = signer.sign(
                &header_with(signer, "alg", other.into()),
                &claims().to_string(),
            );
            let expected = if other == signer.algorithm {
                alice()
            } else {
                Err(Reason::NotAllowed)
            };
            assert_eq!(judged(token), expected, "{other} for {}", signer.algorithm);
        }
    }
}

#[test]
fn f04_a_token_brings_no_key_along_and_names_none_to_fetch() {
    let forger = Signer::es256("es");
    for (name, value) in [
        ("jwk", forger.jwk()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("jku", Value::Null),
    ] {
        let forged = forger.sign(
            &header_with(&forger, name, value.clone()),
            &claims().to_string(),
        );
        assert_eq!(judged(forged), Err(Reason::NotAllowed), "{name}");
        // Also where the issuer signed it.
        assert_eq!(
            judged(signed_with(name, value)),
            Err(Reason::NotAllowed),
            "{name}"
        );
    }
    assert_eq!(judged(forger.token(&claims())), Err(Reason::BadSignature));
    assert_eq!(judged(signed_with("x5t", "a thumbprint".into())), alice());
}

#[test]
fn f09_what_must_be_understood_is_refused() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("crit", Value::Null),
        ("b64", json!(false)),
        ("b64", json!(true)),
    ] {
        assert_eq!(
            judged(signed_with(name, value)),
            Err(Reason::NotAllowed),
            "{name}"
        );
    }
    assert_eq!(judged(signed_with("cri", json!(["exp"]))), alice());
}

#[test]
fn f12_a_signature_that_is_none_is_refused() {
    let token = signer().token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    // The order of P-256: r or s that are 0 modulo n, too.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&order[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    for wrong in [
        vec![],
        vec![0],
        vec![0; 64],
        vec![0; 63],
        vec![0; 65],
        [order.clone(), order].concat(),
        [vec![0; 63], vec![1]].concat(),
        vec![0xff; 64],
        // The same in DER: other lengths.
        vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
    ] {
        let token = format!("{signed}.{}", encode(&wrong));
        assert_eq!(judged(token), Err(Reason::BadSignature), "{wrong:?}");
    }
    assert_eq!(judged(format!("{signed}.{signature}")), alice());
}

#[test]
fn f12_no_algorithm_takes_zeros() {
    for signer in &*SIGNERS {
        let token = signer.token(&claims());
        let (signed, _) = token.rsplit_once('.').unwrap();
        for length in [0, 32, 64, 256] {
            let token = format!("{signed}.{}", encode(vec![0; length]));
            assert_eq!(
                judged(token),
                Err(Reason::BadSignature),
                "{}",
                signer.algorithm
            );
        }
        assert_eq!(judged(&token), alice());
    }
}

#[test]
fn a_signature_covers_the_header_and_the_claims_as_they_were_sent() {
    let token = signer().token(&claims());
    let parts: Vec<_> = token.split('.').collect();
    let other = signer().token(&serde_json::json!({"sub": "mallory"}));
    let others: Vec<_> = other.split('.').collect();

    let swapped = format!("{}.{}.{}", parts[0], others[1], parts[2]);
    assert_eq!(judged(swapped), Err(Reason::BadSignature));
    let spaced = signer().header().to_string().replace(':', ": ");
    let respelled = format!("{}.{}.{}", encode(spaced), parts[1], parts[2]);
    assert_eq!(judged(respelled), Err(Reason::BadSignature));
    assert_eq!(judged(parts.join(".")), alice());
}
