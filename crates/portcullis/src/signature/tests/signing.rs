//! Requests that go out.

use std::time::Duration;

use http::{HeaderValue, Request};

use super::{CLOCK, NOW, guard, judged, key, policy, signer, unsigned};
use crate::signature::{SignError, Signer};

/// The fields that a signer sets.
fn fields(signer: &Signer, body: Option<&[u8]>) -> (String, Option<String>) {
    let (mut head, ()) = unsigned(()).into_parts();
    signer.sign(&mut head, body).unwrap();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let digest = head.headers.get("content-digest").map(text);
    (text(&head.headers["signature-input"]), digest)
}

#[test]
fn a_signature_tells_of_itself_what_it_was_told_to() {
    let (plain, digest) = fields(&signer(), None);
    assert_eq!(
        plain,
        format!(
            "sig=(\"@method\" \"@authority\" \"@path\" \"@query\");created={NOW};keyid=\"key-1\";alg=\"hmac-sha256\""
        )
    );
    assert_eq!(digest, None);

    let all = signer()
        .components(["@path", "content-digest", "content-type"])
        .and_then(|signer| signer.tag("my-app"))
        .and_then(|signer| signer.label("sig1"))
        .unwrap();
    let all = all.expires_in(Duration::from_secs(60)).alg(false);
    let (input, digest) = fields(&all, Some(b""));
    assert_eq!(
        input,
        format!(
            "sig1=(\"@path\" \"content-digest\" \"content-type\");created={NOW};expires={};keyid=\"key-1\";tag=\"my-app\"",
            NOW + 60
        )
    );
    assert_eq!(
        digest.unwrap(),
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    );
}

#[test]
fn each_nonce_is_another() {
    let nonce = || {
        let (input, _) = fields(&signer().nonce(true), None);
        let (_, nonce) = input.split_once("nonce=").unwrap();
        nonce.to_owned()
    };
    let (one, other) = (nonce(), nonce());

    assert_eq!(one.len(), 22 + 2, "128 bits in base64url");
    assert_ne!(one, other);
}

#[test]
fn a_request_that_is_signed_again_has_one_signature() {
    let (mut head, ()) = unsigned(()).into_parts();
    signer().sign(&mut head, Some(b"[]")).unwrap();
    signer().sign(&mut head, Some(b"{}")).unwrap();

    for name in ["signature", "signature-input", "content-digest"] {
        assert_eq!(head.headers.get_all(name).iter().count(), 1, "{name}");
    }
    let request = Request::from_parts(head, super::TestBody::from("{}"));
    assert_eq!(judged(&guard(policy()), request), Ok(()));
}

#[test]
fn what_has_no_value_is_not_signed() {
    let (mut head, ()) = Request::get("/").body(()).unwrap().into_parts();
    assert_eq!(signer().sign(&mut head, None), Err(SignError));
    assert!(head.headers.is_empty());

    head.headers
        .insert("host", HeaderValue::from_static("example.com"));
    assert_eq!(signer().sign(&mut head, None), Ok(()));
    let missing = signer().components(["x-missing"]).unwrap();
    assert_eq!(missing.sign(&mut head, None), Err(SignError));
}

#[test]
fn what_is_wrong_with_a_signer_is_an_error() {
    let _ = &*CLOCK;
    let wrong = |id: &str| Signer::try_new(id, key()).unwrap_err().to_string();
    let problem = "the id of a key is 1 to 256 characters of ASCII that can be printed";
    for id in ["", "caf\u{e9}", "a\nb", &"k".repeat(257)] {
        assert_eq!(wrong(id), problem, "{id}");
    }
    assert!(signer().tag("").is_err() && signer().label("Sig").is_err());
    let error = signer().components(["@status", "X"]).unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
}
