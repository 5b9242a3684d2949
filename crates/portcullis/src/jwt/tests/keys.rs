//! Keys: what is one, which is a token's, and what is wrong.

use portcullis_core::{Live, Reason};
use serde_json::{Value, json};

use super::{
    issuer::{ISSUER, SECRET, SIGNERS, alice, builder, claims, judged_by, signer},
    signer::{Signer, encode, set},
};
use crate::jwt::{Algorithm, Jwks, Jwt, JwtBuilder, JwtKey};

fn guard(jwt: JwtBuilder) -> Jwt {
    jwt.build().unwrap()
}

fn with_keys(keys: impl Into<crate::jwt::JwtKeys>) -> Jwt {
    let clock = portcullis_core::ManualClock::new(super::issuer::NOW);
    guard(Jwt::builder(ISSUER, ["api"], keys).clock(&clock))
}

/// The same token without a `kid`.
fn without_id(signer: &Signer) -> String {
    let header = json!({"alg": signer.algorithm}).to_string();
    signer.sign(&header, &claims().to_string())
}

fn problem(jwk: &Value) -> String {
    JwtKey::from_jwk(jwk.to_string()).unwrap_err().to_string()
}

#[test]
fn a_token_without_a_key_id_is_of_the_only_key_that_fits() {
    let one = with_keys(Jwks::parse(set(&*SIGNERS)).unwrap());
    for signer in &*SIGNERS {
        assert_eq!(
            judged_by(&one, without_id(signer)),
            alice(),
            "{}",
            signer.algorithm
        );
    }
    let two = [Signer::es256("one"), Signer::es256("other")];
    let several = with_keys(Jwks::parse(set(&two)).unwrap());
    assert_eq!(
        judged_by(&several, without_id(&two[0])),
        Err(Reason::UnknownKey)
    );
    assert_eq!(judged_by(&several, two[0].token(&claims())), alice());
    assert_eq!(
        judged_by(&several, without_id(&SIGNERS[1])),
        Err(Reason::UnknownKey)
    );
}

#[test]
fn a_set_can_be_replaced_while_it_is_used() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let live = Live::new(Jwks::parse(set([&old])).unwrap());
    let jwt = with_keys(live.clone());
    let layer = super::JwtLayer::new(jwt.clone());

    assert_eq!(judged_by(&jwt, old.token(&claims())), alice());
    live.store(Jwks::parse(set([&new])).unwrap());
    assert_eq!(
        judged_by(&jwt, old.token(&claims())),
        Err(Reason::UnknownKey)
    );
    assert_eq!(judged_by(&jwt, new.token(&claims())), alice());
    assert!(format!("{layer:?}").len() < 10_000);
}

#[test]
fn a_key_of_rsa_is_for_rs256_unless_told() {
    let (rs, ps) = (Signer::rs256("rsa"), Signer::ps256("rsa"));
    let mut jwk = rs.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let key = JwtKey::from_jwk(jwk.to_string()).unwrap();
    let (usual, pss) = (with_keys(key.clone()), with_keys(key.rsa_pss()));

    assert_eq!(judged_by(&usual, rs.token(&claims())), alice());
    assert_eq!(
        judged_by(&usual, ps.token(&claims())),
        Err(Reason::NotAllowed)
    );
    assert_eq!(judged_by(&pss, ps.token(&claims())), alice());
    assert_eq!(
        judged_by(&pss, rs.token(&claims())),
        Err(Reason::NotAllowed)
    );
    let named = JwtKey::from_jwk(rs.jwk().to_string()).unwrap().rsa_pss();
    assert_eq!(named.algorithm(), Algorithm::Rs256);
    let set = Jwks::parse(json!({"keys": [jwk]}).to_string())
        .unwrap()
        .rsa_pss();
    assert_eq!(set.keys().next().unwrap().algorithm(), Algorithm::Ps256);
}

#[test]
fn ed25519_has_two_names() {
    let signer = Signer::eddsa("ed");
    let mut jwk = signer.jwk();
    for named in ["EdDSA", "Ed25519"] {
        jwk["alg"] = named.into();
        let jwt = with_keys(JwtKey::from_jwk(jwk.to_string()).unwrap());
        for alg in ["EdDSA", "Ed25519"] {
            let header = json!({"alg": alg, "kid": "ed"}).to_string();
            assert_eq!(
                judged_by(&jwt, signer.sign(&header, &claims().to_string())),
                alice()
            );
        }
    }
}

#[test]
fn keys_that_are_not_known_here_are_left_out() {
    let mut encrypts = Signer::es256("enc").jwk();
    encrypts["use"] = "enc".into();
    let mut signs = Signer::es256("signs").jwk();
    signs["key_ops"] = json!(["sign"]);
    let mut verifies = Signer::es256("verifies").jwk();
    verifies["key_ops"] = json!(["verify"]);
    let mut longer = Signer::rs256("longer").jwk();
    longer["alg"] = "RS512".into();
    let others = [
        encrypts,
        signs,
        longer,
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
        json!({"kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AA", "e": "AA"}),
    ];
    let keys: Vec<_> = others.iter().chain([&verifies]).collect();
    let kept = Jwks::parse(json!({"keys": keys, "more": 1}).to_string()).unwrap();

    assert_eq!(kept.len(), 1);
    assert_eq!(kept.keys().next().unwrap().id(), Some("verifies"));
    let none = Jwks::parse(json!({"keys": others}).to_string()).unwrap_err();
    assert_eq!(
        none.to_string(),
        "JWKS: no key that tokens can be verified with"
    );
    for jwk in &others {
        let expected = "JWK: of a type, an algorithm or a use that is not known";
        assert_eq!(problem(jwk), expected);
    }
}

/// What is wrong with a key in which one member is otherwise.
fn changed(signer: &Signer, name: &str, value: impl Into<Value>) -> String {
    let mut jwk = signer.jwk();
    jwk[name] = value.into();
    let problem = problem(&jwk);
    problem.strip_prefix("JWK: ").unwrap().to_owned()
}

#[test]
fn a_key_of_rsa_that_is_weak_or_damaged_is_refused() {
    let rs = &SIGNERS[1];
    for bytes in [64, 128, 255, 1025] {
        let expected = format!("a key of RSA has 2048 to 8192 bits, not {}", bytes * 8);
        assert_eq!(changed(rs, "n", encode(vec![0xff; bytes])), expected);
    }
    for (name, value) in [
        ("n", [vec![0], vec![0xff; 256]].concat()),
        ("n", vec![0xfe; 256]),
        ("n", vec![]),
        ("e", vec![2]),
        ("e", vec![0, 3]),
    ] {
        let expected = "\"n\" and \"e\" are odd numbers without leading zeros";
        assert_eq!(changed(rs, name, encode(value)), expected);
    }
    for e in [&[1][..], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
        assert_eq!(
            changed(rs, "e", encode(e)),
            "\"e\" is 3 or more, and less than 2^33"
        );
    }
    assert!(JwtKey::from_jwk(rs.jwk().to_string()).is_ok());
}

#[test]
fn a_key_of_another_kind_that_is_damaged_or_private_is_refused() {
    let [es, rs, _, ed, hs] = &*SIGNERS;
    for (name, value) in [("x", vec![1; 32]), ("y", vec![0; 31]), ("y", vec![])] {
        let expected = "\"x\" and \"y\" are no point of P-256";
        assert_eq!(changed(es, name, encode(value)), expected);
    }
    assert_eq!(changed(ed, "x", encode([0; 31])), "\"x\" is 32 bytes");
    let weak = changed(hs, "k", encode([0; 31]));
    assert_eq!(weak, "HS256: a secret has at least 32 bytes, this has 31");
    assert_eq!(changed(es, "x", "a="), "\"x\" is not base64url");
    assert_eq!(changed(es, "x", 1), "\"x\" is missing, or not a string");
    for signer in [es, rs, ed] {
        let private = "it has its private part, which no verifier needs";
        assert_eq!(changed(signer, "d", "AA"), private);
    }
    for signer in &*SIGNERS {
        assert!(JwtKey::from_jwk(signer.jwk().to_string()).is_ok());
    }
}

#[test]
fn what_a_key_says_of_itself_must_fit() {
    let [es, rs, ..] = &*SIGNERS;
    for (signer, alg) in [(es, "RS256"), (rs, "HS256"), (rs, "ES256"), (es, "EdDSA")] {
        assert_eq!(
            changed(signer, "alg", alg),
            "\"alg\" is not one for this \"kty\""
        );
    }
    let id = "a key's id is 1 to 128 bytes without control characters";
    assert_eq!(changed(es, "kid", ""), id);
    for name in ["kid", "use", "alg", "kty"] {
        assert_eq!(changed(es, name, 1), format!("{name:?} is not a string"));
    }
    for value in [json!("verify"), json!([1]), Value::Null] {
        assert_eq!(
            changed(es, "key_ops", value),
            "\"key_ops\" is not an array of strings"
        );
    }
}

#[test]
fn ring_verifies_with_every_key_that_is_taken() {
    // The largest and the oddest that are allowed: wrong signatures, and no other error.
    let mut jwk = SIGNERS[1].jwk();
    let key = |jwk: &Value| JwtKey::from_jwk(jwk.to_string()).unwrap();
    assert!(!key(&jwk).verify(b"x", &[1; 256]));
    jwk["n"] = encode(vec![0xff; 1024]).into();
    jwk["e"] = encode([1, 0xff, 0xff, 0xff, 0xff]).into();
    assert!(!key(&jwk).verify(b"x", &[1; 1024]));
}

#[test]
fn everything_that_is_wrong_with_a_set_is_listed() {
    let (one, other) = (Signer::es256("same"), Signer::eddsa("same"));
    let mut weak = SIGNERS[1].jwk();
    weak["n"] = encode(vec![0xff; 128]).into();
    let wrong = json!({"keys": [one.jwk(), weak, 1, {"kid": "x"}]}).to_string();

    assert_eq!(
        Jwks::parse(wrong).unwrap_err().to_string(),
        "JWKS: key 2: a key of RSA has 2048 to 8192 bits, not 1024; \
         JWKS: key 3: not an object, or a member is there twice; \
         JWKS: key 4: \"kty\" is missing"
    );
    assert_eq!(
        Jwks::parse(set([&one, &other])).unwrap_err().to_string(),
        "JWKS: duplicate key id \"same\""
    );
    let many: Vec<_> = std::iter::repeat_n(json!({"kty": "x"}), 65).collect();
    assert_eq!(
        Jwks::parse(json!({"keys": many}).to_string())
            .unwrap_err()
            .to_string(),
        "JWKS: there are more than 64 keys"
    );
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(
            Jwks::parse(text).unwrap_err().to_string(),
            "JWKS: not an object with an array \"keys\", or a member is there twice"
        );
    }
    let none = Jwks::parse(r#"{"keys":[]}"#).unwrap_err().to_string();
    assert_eq!(none, "JWKS: no key that tokens can be verified with");
}

#[test]
fn everything_that_is_wrong_with_a_guard_is_listed() {
    let key = JwtKey::hs256("hs", SECRET).unwrap();
    let wrong = Jwt::builder("", ["", "api"], key.clone())
        .leeway(std::time::Duration::from_secs(301))
        .types([""; 0])
        .max_bytes(0)
        .max_age(std::time::Duration::ZERO)
        .label_claim("")
        .realm("a\"b");

    assert_eq!(
        wrong.build().unwrap_err().to_string(),
        "JWT: the issuer is empty; JWT: an audience is empty; \
         JWT: no type is allowed, or one is empty; JWT: the leeway is more than 5 minutes; \
         JWT: a maximum age of 0 refuses everything; JWT: the maximum length is 512 bytes to 64 KiB; \
         JWT: the name of a claim is empty; \
         JWT: a realm is printable ASCII without quotes and backslashes"
    );
    let nobody = Jwt::new(ISSUER, [""; 0], key).unwrap_err().to_string();
    assert_eq!(nobody, "JWT: there is no audience");
    assert_eq!(
        JwtKey::hs256("", [0; 31]).unwrap_err().to_string(),
        "a key's id is 1 to 128 bytes without control characters; \
         HS256: a secret has at least 32 bytes, this has 31"
    );
}

#[test]
fn no_secret_is_printed() {
    let key = JwtKey::hs256("hs", SECRET).unwrap();
    let jwk = SIGNERS[4].jwk()["k"].as_str().unwrap().to_owned();
    let jwt = builder();
    for printed in [
        format!("{key:?}"),
        format!("{:?}", Jwks::from(key.clone())),
        format!("{jwt:?}{:?}", guard(jwt.clone())),
        problem(&json!({"kty": "oct", "k": encode(b"a secret"), "kid": "x"})),
    ] {
        assert!(
            !printed.contains("q8Jm2Zr5") && !printed.contains(&jwk),
            "{printed}"
        );
    }
    assert_eq!(
        format!("{key:?}"),
        "JwtKey { id: Some(\"hs\"), algorithm: Hs256, .. }"
    );
    assert_eq!(
        judged_by(&guard(builder()), signer().token(&claims())),
        alice()
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Jwks::parse(&bytes);
        let _ = JwtKey::from_jwk(&bytes);
    }

    #[test]
    fn no_key_panics(
        kty in "RSA|EC|OKP|oct",
        crv in "P-256|Ed25519|x",
        n: Vec<u8>, e: Vec<u8>, x: [u8; 32], y: [u8; 32],
    ) {
        let [n, e] = [n, e].map(encode);
        let jwk = json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": encode(x), "y": encode(y), "k": n});
        if let Ok(key) = JwtKey::from_jwk(jwk.to_string()) {
            proptest::prop_assert!(!key.verify(b"x", &[1; 64]));
        }
    }
}
