//! F08, F10, F11: what is no token, or is one in more than one way.

use portcullis_core::Reason;
use proptest::{prelude::*, sample::Index};
use serde_json::json;

use super::{
    issuer::{SIGNERS, alice, claims, judged, jwt, signer, with},
    signer::encode,
};

fn signed(header: &str, claims: &str) -> Result<String, Reason> {
    judged(signer().sign(header, claims))
}

#[test]
fn f08_a_key_id_only_selects_a_key() {
    let header = |id: &str| {
        let mut header = signer().header();
        header["kid"] = id.into();
        header.to_string()
    };
    let of = |id: &str| signed(&header(id), &claims().to_string());
    for id in [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "es' UNION SELECT 'secret",
        "https://evil.example/jwks.json",
        "es ",
        "ES",
        &"a".repeat(128),
    ] {
        assert_eq!(of(id), Err(Reason::UnknownKey), "{id}");
    }
    for id in ["", "es\u{0}", "es\n", &"a".repeat(129), &"a".repeat(4096)] {
        assert_eq!(of(id), Err(Reason::Malformed), "{id}");
    }
    assert_eq!(of(&"a".repeat(64 * 1024)), Err(Reason::Malformed));
    for id in [json!(1), json!(null), json!(["es"]), json!({})] {
        let mut header = signer().header();
        header["kid"] = id;
        assert_eq!(
            signed(&header.to_string(), &claims().to_string()),
            Err(Reason::Malformed)
        );
    }
    assert_eq!(of("es"), alice());
}

#[test]
fn f10_a_member_that_is_there_twice_makes_a_token_wrong() {
    let (header, claims) = (signer().header().to_string(), claims().to_string());
    let twice = |object: &str, member: &str| format!("{},{member}}}", object.trim_end_matches('}'));
    for member in [
        r#""alg":"ES256""#,
        r#""alg":"none""#,
        r#""\u0061lg":"none""#,
        r#""kid":"other""#,
        r#""x":1,"x":1"#,
    ] {
        assert_eq!(
            signed(&twice(&header, member), &claims),
            Err(Reason::Malformed),
            "{member}"
        );
    }
    for member in [
        r#""sub":"mallory""#,
        r#""sub":"alice""#,
        r#""s\u0075b":"mallory""#,
        r#""exp":9999999999"#,
        r#""x":1,"x":1"#,
    ] {
        assert_eq!(
            signed(&header, &twice(&claims, member)),
            Err(Reason::Malformed),
            "{member}"
        );
    }
    assert_eq!(
        signed(&twice(&header, r#""x":1"#), &twice(&claims, r#""x":1"#)),
        alice()
    );
}

#[test]
fn f11_a_token_has_three_parts() {
    let token = signer().token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for wrong in [
        signed.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{signed}.{signature}.{signature}.{signature}"),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!(".{}", "a.b"),
        String::new(),
    ] {
        assert_eq!(judged(&wrong), Err(Reason::Malformed), "{wrong}");
    }
    assert_eq!(judged(&token), alice());
}

#[test]
fn f11_base64_has_one_form() {
    let token = signer().token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for wrong in [
        format!("{token}="),
        format!("{token}=="),
        format!("{header}=.{payload}.{signature}"),
        signer().sign_parts(&format!("{header}.{payload}==")),
        signer().sign_parts(&format!("{header}.{payload}A")),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        signer().sign_parts(&format!("{header}.\t{payload}")),
        token.replace('_', "/").replace('-', "+") + "+",
        format!("{signed}.{signature}!"),
    ] {
        let judged = judged(&wrong);
        assert!(
            matches!(judged, Err(Reason::Malformed)),
            "{wrong}: {judged:?}"
        );
    }
    // 64 bytes are 86 digits, the last of which has four bits that say nothing: 15 others decode to
    // the same bytes where that is allowed.
    let (kept, last) = signature.split_at(signature.len() - 1);
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let refused = digits.iter().filter(|digit| {
        let token = format!("{signed}.{kept}{}", char::from(**digit));
        judged(&token).is_err()
    });
    assert_eq!(refused.count(), 63, "all but {last}");
}

#[test]
fn f11_what_is_not_an_object_is_refused() {
    let (header, claims) = (signer().header().to_string(), claims().to_string());
    for wrong in [
        "",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{}x",
        "{\"a\":1,}",
        "\u{feff}{}",
    ] {
        assert_eq!(signed(wrong, &claims), Err(Reason::Malformed), "{wrong}");
        assert_eq!(signed(&header, wrong), Err(Reason::Malformed), "{wrong}");
    }
    let not_text = format!("{}.{}", encode(b"{\"alg\":\"\xff\"}"), encode(&claims));
    assert_eq!(
        judged(signer().sign_parts(&not_text)),
        Err(Reason::Malformed)
    );
    let deep = |open: &str, close: &str| {
        let nested = format!("{}1{}", open.repeat(700), close.repeat(700));
        signed(
            &header,
            &format!("{},\"x\":{nested}}}", claims.trim_end_matches('}')),
        )
    };
    assert_eq!(deep("[", "]"), alice(), "what nobody reads may be deep");
    let deep_audience = json!({"aud": serde_json::Value::Null}).to_string();
    let deep_audience =
        deep_audience.replace("null", &format!("{}{}", "[".repeat(700), "]".repeat(700)));
    assert_eq!(signed(&header, &deep_audience), Err(Reason::Incomplete));
}

#[test]
fn f11_what_is_too_long_is_not_read() {
    let long = |length: usize| signer().token(&with("x", "a".repeat(length).into()));

    assert_eq!(judged(long(1024 * 1024)), Err(Reason::Malformed));
    assert_eq!(judged(long(8 * 1024)), Err(Reason::Malformed));
    assert_eq!(judged(long(4 * 1024)), alice());
    let usual = signer().token(&claims());
    let exact = super::issuer::builder().max_bytes(512).build().unwrap();
    let is_short = usual.len() <= 512;
    assert_eq!(exact.principal(&usual).is_ok(), is_short);
    assert_eq!(exact.principal(long(512)), Err(Reason::Malformed));
}

#[test]
fn f11_no_bit_of_a_token_can_be_turned() {
    for signer in &*SIGNERS {
        let token = signer.token(&claims()).into_bytes();
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut other = token.clone();
                other[at] ^= 1 << bit;
                assert!(judged(&other).is_err(), "{} at {at}", signer.algorithm);
            }
        }
        assert_eq!(judged(&token), alice());
    }
}

proptest! {
    #[test]
    fn a_token_with_one_other_byte_is_refused(at: Index, byte: u8, which: Index) {
        let token = which.get(&*SIGNERS).token(&claims()).into_bytes();
        let mut other = token.clone();
        *at.get_mut(&mut other) = byte;

        prop_assert_eq!(judged(&other).is_ok(), other == token);
    }

    #[test]
    fn a_token_that_is_cut_or_longer_is_refused(at: Index, more in "[A-Za-z0-9._=-]{1,8}") {
        let token = signer().token(&claims());
        let cut = &token[..at.index(token.len())];

        prop_assert!(judged(cut).is_err());
        prop_assert!(judged(token.clone() + &more).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        prop_assert!(jwt().principal(&bytes).is_err());
    }

    #[test]
    fn no_header_panics(header: Vec<u8>, claims: Vec<u8>) {
        let parts = format!("{}.{}", encode(header), encode(claims));
        prop_assert!(judged(signer().sign_parts(&parts)).is_err());
    }

    /// Behind a right signature.
    #[test]
    fn no_claims_panic(claims: Vec<u8>) {
        let parts = format!("{}.{}", encode(signer().header().to_string()), encode(claims));
        prop_assert!(judged(signer().sign_parts(&parts)).is_err());
    }

    #[test]
    fn no_value_of_a_claim_panics(
        name in "exp|nbf|iat|aud|iss|sub|scope|scp",
        value in r#"-?[0-9.eE+-]{1,12}|"[a-z \\]{0,5}"|\[("a",?){0,3}\]|null|\{\}"#,
    ) {
        let claims = claims().to_string();
        let claims = format!("{},\"{name}\":{value}}}", claims.trim_end_matches('}'));
        let _ = signed(&signer().header().to_string(), &claims);
    }
}
