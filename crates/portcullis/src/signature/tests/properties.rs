use http::{HeaderName, HeaderValue, Method, Request};
use portcullis_core::WallClock;
use proptest::prelude::*;

use super::{CLOCK, TestBody, guard, judged, key, policy, signer};
use crate::signature::{Signer, fuzz};

/// A request whose every part that is covered is `parts`.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    method: Method,
    path: String,
    query: String,
    host: String,
    lines: Vec<String>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let method = prop::sample::select(vec![Method::GET, Method::POST, Method::PUT]);
    let lines = prop::collection::vec("[a-z\"\\\\:;(),]{0,4}", 1..4);
    (
        method,
        "/[a-z%0-9A-F]{0,6}",
        "[a-z=&+]{0,6}",
        "[a-z]{1,6}",
        lines,
    )
        .prop_map(|(method, path, query, host, lines)| Parts {
            method,
            path,
            query,
            host,
            lines,
        })
}

fn request(parts: &Parts) -> Request<TestBody> {
    let target = format!("https://{}{}?{}", parts.host, parts.path, parts.query);
    let mut request = Request::builder().method(parts.method.clone()).uri(target);
    for line in &parts.lines {
        request = request.header("x", line);
    }
    request.body(TestBody::default()).unwrap()
}

/// What the signature covers of a field: lines are one.
fn combined(parts: &Parts) -> Parts {
    Parts {
        lines: vec![parts.lines.join(", ")],
        ..parts.clone()
    }
}

fn full() -> Signer {
    let names = [
        "@method",
        "@target-uri",
        "@authority",
        "@path",
        "@query",
        "x",
    ];
    signer()
        .components(names)
        .unwrap()
        .clock(WallClock::from(&*CLOCK))
}

proptest! {
    /// Whatever was signed passes, and any other value of what is covered does not.
    #[test]
    fn a_change_of_what_is_covered_is_refused(signed in parts(), sent in parts()) {
        let (mut head, body) = request(&signed).into_parts();
        full().sign(&mut head, None).unwrap();
        let right = Request::from_parts(head.clone(), body.clone());
        prop_assert_eq!(judged(&guard(policy()), right), Ok(()));

        let mut other = request(&sent);
        for name in ["signature", "signature-input"] {
            other.headers_mut().insert(name, head.headers[name].clone());
        }
        let is_same = combined(&signed) == combined(&sent);
        prop_assert_eq!(judged(&guard(policy()), other).is_ok(), is_same);
    }

    /// One part changed at a time.
    #[test]
    fn a_change_of_one_part_is_refused(signed in parts(), other in parts(), which in 0..5_usize) {
        let mut sent = signed.clone();
        match which {
            0 => sent.method = other.method,
            1 => sent.path = other.path,
            2 => sent.query = other.query,
            3 => sent.host = other.host,
            _ => sent.lines = other.lines,
        }
        let (mut head, _) = request(&signed).into_parts();
        full().sign(&mut head, None).unwrap();
        let mut resent = request(&sent);
        for name in ["signature", "signature-input"] {
            resent.headers_mut().insert(name, head.headers[name].clone());
        }
        let is_same = combined(&signed) == combined(&sent);
        prop_assert_eq!(judged(&guard(policy()), resent).is_ok(), is_same);
    }

    #[test]
    fn a_change_of_one_byte_of_either_field_is_refused(
        which in prop::sample::select(vec!["signature", "signature-input"]),
        at in any::<prop::sample::Index>(),
        byte in 0x20_u8..0x7f,
    ) {
        let (mut head, body) = request(&Parts {
            method: Method::GET,
            path: "/a".into(),
            query: "b".into(),
            host: "c".into(),
            lines: vec!["d".into()],
        }).into_parts();
        full().sign(&mut head, None).unwrap();
        let mut text = head.headers[which].as_bytes().to_vec();
        let at = at.index(text.len());
        // Of the label nothing is signed: it must be the same in both.
        prop_assume!(text[at] != byte);
        text[at] = byte;
        head.headers.insert(which, HeaderValue::from_bytes(&text).unwrap());
        prop_assert!(judged(&guard(policy()), Request::from_parts(head, body)).is_err());
    }

    #[test]
    fn no_text_panics(
        input in prop::collection::vec(any::<u8>(), 0..200),
        signature in prop::collection::vec(any::<u8>(), 0..200),
        digest in prop::collection::vec(any::<u8>(), 0..200),
        target in "[ -~]{0,20}",
    ) {
        let mut request = Request::new(());
        if let Ok(uri) = target.parse() {
            *request.uri_mut() = uri;
        }
        for (name, value) in [("signature-input", input), ("signature", signature), ("content-digest", digest)] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        let _ = fuzz(&request.into_parts().0);
    }

    #[test]
    fn no_input_that_looks_like_one_panics(
        input in "sig=\\((\"(@method|@query-param|x|@path)\"(;name=\"[a-z]{0,3}\"|;sf|;req)? ?){0,4}\\)(;(created|keyid|alg|nonce)(=([0-9]{1,15}|\"[a-z]{0,5}\"))?){0,4}",
    ) {
        let request = Request::get("http://a/?a=b").header("x", "1").header("signature-input", input);
        let request = request.header("signature", "sig=:AA==:").body(()).unwrap();
        let _ = fuzz(&request.into_parts().0);
    }

    /// The signature of one base is not that of another.
    #[test]
    fn a_signature_is_of_one_base(one: Vec<u8>, other: Vec<u8>) {
        let verifying = key().verifying_key(portcullis_core::Principal::new("alice"));
        let signature = key().sign(&one).unwrap();
        prop_assert_eq!(verifying.verifies(&other, &signature), one == other);
    }
}
