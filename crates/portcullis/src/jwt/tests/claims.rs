//! F05 to F07: dates, issuers, audiences, types; and what becomes of the other claims.

use std::time::Duration;

use portcullis_core::{AuthScheme, Reason};
use serde_json::{Value, json};

use super::issuer::{
    ISSUER, NOW, alice, builder, claims, judged, judged_by, jwt, signer, with, without,
};
use crate::jwt::Jwt;

fn judged_claims(claims: &Value) -> Result<String, Reason> {
    judged(signer().token(claims))
}

/// Judges claims as they are written, which no value of JSON would keep.
fn judged_raw(name: &str, raw: &str) -> Result<String, Reason> {
    let others = without(name).to_string();
    let claims = format!("{},\"{name}\":{raw}}}", others.trim_end_matches('}'));
    judged(signer().sign(&signer().header().to_string(), &claims))
}

#[test]
fn f05_a_token_is_good_from_its_begin_to_its_end() {
    for (name, at, expected) in [
        ("exp", NOW - 29, alice()),
        ("exp", NOW - 30, Err(Reason::Expired)),
        ("exp", 0, Err(Reason::Expired)),
        ("nbf", NOW + 30, alice()),
        ("nbf", NOW + 31, Err(Reason::NotYetValid)),
        ("iat", NOW + 30, alice()),
        ("iat", NOW + 31, Err(Reason::NotYetValid)),
        ("iat", NOW + 1_000_000, Err(Reason::NotYetValid)),
        ("iat", 0, alice()),
    ] {
        assert_eq!(
            judged_claims(&with(name, at.into())),
            expected,
            "{name} {at}"
        );
    }
    assert_eq!(judged_claims(&without("exp")), Err(Reason::Incomplete));
    assert_eq!(judged_claims(&without("iat")), alice());
}

#[test]
fn f05_without_leeway_it_is_to_the_second() {
    let jwt = builder().leeway(Duration::ZERO).build().unwrap();
    for (name, at, expected) in [
        ("exp", json!(NOW + 1), alice()),
        ("exp", json!(NOW as f64 + 0.5), alice()),
        ("exp", json!(NOW), Err(Reason::Expired)),
        ("exp", json!(NOW as f64 - 0.5), Err(Reason::Expired)),
        ("nbf", json!(NOW), alice()),
        ("nbf", json!(NOW as f64 + 0.5), Err(Reason::NotYetValid)),
    ] {
        let token = signer().token(&with(name, at.clone()));
        assert_eq!(judged_by(&jwt, token), expected, "{name} {at}");
    }
}

#[test]
fn f06_a_date_of_another_type_is_not_as_good_as_none() {
    for name in ["exp", "nbf", "iat"] {
        for raw in [
            "\"1700000600\"",
            "\"\"",
            "null",
            "true",
            "[1700000600]",
            "[]",
            "{}",
            "-1",
            "-0",
            "1.7e9",
            "1700000600e0",
            "1E400",
            "253402300800",
            "99999999999999999999999",
            "9223372036854775808",
        ] {
            assert_eq!(
                judged_raw(name, raw),
                Err(Reason::Malformed),
                "{name} {raw}"
            );
        }
    }
    for (name, raw) in [
        ("exp", "1700000600"),
        ("exp", "1700000600.25"),
        ("exp", "253402300799"),
        ("nbf", "0"),
        ("iat", "1700000000.0"),
    ] {
        assert_eq!(judged_raw(name, raw), alice(), "{name} {raw}");
    }
}

#[test]
fn f07_the_issuer_is_the_one_to_the_byte() {
    for issuer in [
        "https://issuer.example/",
        "https://ISSUER.example",
        "https://issuer.example.evil.example",
        "issuer.example",
        "",
    ] {
        let judged = judged_claims(&with("iss", issuer.into()));
        assert_eq!(judged, Err(Reason::WrongIssuer), "{issuer}");
    }
    for wrong in [json!([ISSUER]), Value::Null, json!(1), json!({})] {
        assert_eq!(judged_claims(&with("iss", wrong)), Err(Reason::Malformed));
    }
    assert_eq!(judged_claims(&without("iss")), Err(Reason::Incomplete));
    assert_eq!(judged_claims(&with("iss", ISSUER.into())), alice());
}

#[test]
fn f07_the_audience_is_one_of_those_that_are_named() {
    for audience in [json!("api"), json!(["api"]), json!(["other", "api"])] {
        assert_eq!(judged_claims(&with("aud", audience)), alice());
    }
    for audience in [
        json!("API"),
        json!("api "),
        json!("other"),
        json!([]),
        json!(["ap", "i"]),
    ] {
        let judged = judged_claims(&with("aud", audience.clone()));
        assert_eq!(judged, Err(Reason::WrongAudience), "{audience}");
    }
    for audience in [
        json!(["api", 1]),
        json!([["api"]]),
        json!({"api": 1}),
        Value::Null,
        json!(1),
    ] {
        let judged = judged_claims(&with("aud", audience.clone()));
        assert_eq!(judged, Err(Reason::Malformed), "{audience}");
    }
    assert_eq!(judged_claims(&without("aud")), Err(Reason::Incomplete));
}

#[test]
fn f07_a_token_that_is_something_else_is_refused() {
    let judged_type = |jwt: &Jwt, kind: Option<Value>| {
        let mut header = signer().header();
        match kind {
            Some(kind) => header["typ"] = kind,
            None => drop(header.as_object_mut().unwrap().remove("typ")),
        }
        judged_by(
            jwt,
            signer().sign(&header.to_string(), &claims().to_string()),
        )
    };
    let usual = jwt();
    for kind in [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/JWT",
    ] {
        assert_eq!(judged_type(&usual, Some(kind.into())), alice(), "{kind}");
    }
    assert_eq!(judged_type(&usual, None), alice());
    for kind in [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "JOSE",
        "",
        "application/",
        "JWT ",
    ] {
        let judged = judged_type(&usual, Some(kind.into()));
        assert_eq!(judged, Err(Reason::NotAllowed), "{kind}");
    }
    assert_eq!(
        judged_type(&usual, Some(json!(["JWT"]))),
        Err(Reason::Malformed)
    );

    let strict = builder().types(["at+jwt"]).build().unwrap();
    assert_eq!(
        judged_type(&strict, Some("application/at+jwt".into())),
        alice()
    );
    assert_eq!(
        judged_type(&strict, Some("JWT".into())),
        Err(Reason::NotAllowed)
    );
    assert_eq!(judged_type(&strict, None), Err(Reason::NotAllowed));
}

#[test]
fn a_subject_is_text_that_can_be_printed() {
    for subject in ["", "a\nb", "a\u{0}", "a\u{85}b", &"a".repeat(256)] {
        let judged = judged_claims(&with("sub", subject.into()));
        assert_eq!(judged, Err(Reason::Malformed), "{subject:?}");
    }
    for subject in [json!(1), Value::Null, json!(["alice"])] {
        assert_eq!(judged_claims(&with("sub", subject)), Err(Reason::Malformed));
    }
    assert_eq!(judged_claims(&without("sub")), Err(Reason::Incomplete));
    let longest = "a".repeat(255);
    assert_eq!(
        judged_claims(&with("sub", longest.clone().into())),
        Ok(longest)
    );
}

#[test]
fn an_old_token_is_refused_where_that_is_wanted() {
    let jwt = builder().max_age(Duration::from_secs(60)).build().unwrap();
    let judged = |claims: &Value| judged_by(&jwt, signer().token(claims));

    assert_eq!(judged(&with("iat", (NOW - 89).into())), alice());
    assert_eq!(
        judged(&with("iat", (NOW - 90).into())),
        Err(Reason::Expired)
    );
    assert_eq!(judged(&without("iat")), Err(Reason::Incomplete));
}

#[test]
fn a_principal_has_what_the_claims_say() {
    let jwt = builder().roles_claim("roles").tenant_claim("tid");
    let jwt = jwt
        .label_claim("email")
        .label_claim("verified")
        .label_claim("level");
    let jwt = jwt.label_claim("none").build().unwrap();
    let mut claims = with("scope", "read write".into());
    claims["scp"] = json!(["admin", "read"]);
    claims["roles"] = json!(["owner"]);
    claims["tid"] = "acme".into();
    claims["email"] = "alice@example.com".into();
    claims["verified"] = true.into();
    claims["level"] = 3.into();
    let alice = jwt.principal(signer().token(&claims)).unwrap();

    assert_eq!((alice.id(), alice.scheme()), ("alice", AuthScheme::Token));
    assert_eq!(alice.scopes().to_string(), "admin read write");
    assert_eq!(alice.roles().to_string(), "owner");
    assert_eq!(alice.tenant(), Some("acme"));
    let labels: Vec<_> = alice.labels().collect();
    let expected = [
        ("email", "alice@example.com"),
        ("verified", "true"),
        ("level", "3"),
    ];
    assert_eq!(labels, expected);
    // The issuer's key is that of many: no limit by key may count by it.
    assert_eq!(alice.key_id(), None);
}

#[test]
fn a_string_of_an_array_is_one_scope_or_role_and_not_its_words() {
    let jwt = builder().roles_claim("groups").build().unwrap();
    let long = "a".repeat(129);
    let listed = json!(["former admin", "", " ", "caf\u{e9}", long, "owner"]);
    let mut claims = with("groups", listed.clone());
    claims["scp"] = listed;
    let alice = jwt.principal(signer().token(&claims)).unwrap();

    assert_eq!(alice.roles().to_string(), "owner");
    assert_eq!(alice.scopes().to_string(), "owner");
    let text = with("scp", "former admin".into());
    let alice = jwt.principal(signer().token(&text)).unwrap();
    assert_eq!(alice.scopes().to_string(), "admin former");
}

#[test]
fn a_claim_that_nobody_reads_may_be_anything() {
    let mut claims = with("roles", json!({"a": [1, null]}));
    claims["tid"] = Value::Null;

    let alice = jwt().principal(signer().token(&claims)).unwrap();
    assert!(alice.roles().is_empty() && alice.scopes().is_empty());
    assert_eq!(alice.tenant(), None);
}

#[test]
fn a_claim_that_is_read_has_its_type_or_the_token_is_refused() {
    let jwt = builder()
        .roles_claim("roles")
        .tenant_claim("tid")
        .label_claim("email");
    let jwt = jwt.build().unwrap();
    let many: Vec<_> = (0..65).map(|number| number.to_string()).collect();
    for (name, value) in [
        ("scope", json!(1)),
        ("scope", Value::Null),
        ("scope", json!("caf\u{e9}")),
        ("scp", json!(["read", 1])),
        ("scp", json!(many)),
        ("roles", json!({})),
        ("roles", json!([["owner"]])),
        ("tid", json!(["acme"])),
        ("tid", json!("")),
        ("tid", json!("a\nb")),
        ("email", json!(["a"])),
        ("email", Value::Null),
        ("email", json!("a\r\nb")),
    ] {
        let judged = judged_by(&jwt, signer().token(&with(name, value.clone())));
        assert_eq!(judged, Err(Reason::Malformed), "{name} {value}");
    }
    assert_eq!(judged_by(&jwt, signer().token(&claims())), alice());
}
