//! What a signature is written as, and by whom.

use super::Signed;
use crate::{
    context::Context,
    signing::{Draft, PrivateKey, quoted},
    verdict::Finding,
    wire::Request,
};

pub(crate) async fn forms(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let mut requests = labels(&signed);
    requests.extend(components(&signed));
    requests.extend(params(&signed));
    requests.extend(keys(&signed));
    for (what, request) in &requests {
        signed.refuses_with(&[400, 401], what, request).await?;
    }
    Ok(format!("{} signatures refused", requests.len()))
}

type Tries = Vec<(String, Request)>;

fn labels(signed: &Signed<'_>) -> Tries {
    let added = |name: &'static str, value: String| {
        let mut request = signed.draft().sign(signed.key);
        let headers = request.headers.iter_mut();
        for (_, text) in headers.filter(|(known, _)| known == name) {
            text.extend_from_slice(format!(", {value}").as_bytes());
        }
        request
    };
    let only_in = |left_out: &str| {
        let mut request = signed.draft().sign(signed.key);
        request.headers.retain(|(name, _)| name != left_out);
        request
    };
    let input = format!("siege={}", signed.draft().input());
    let mut tries = vec![
        (
            "a label in Signature-Input only",
            added("signature-input", input.clone()),
        ),
        (
            "a label in Signature only",
            added("signature", "siege=:AAAA:".to_owned()),
        ),
        ("Signature-Input alone", only_in("signature")),
        ("Signature alone", only_in("signature-input")),
    ];
    if signed.signatures.tag.is_none() {
        let mut both = added("signature", "siege=:AAAA:".to_owned());
        let headers = both.headers.iter_mut();
        for (_, text) in headers.filter(|(known, _)| known == "signature-input") {
            text.extend_from_slice(format!(", {input}").as_bytes());
        }
        tries.push(("another signature besides, which is wrong", both));
    }
    tries
        .into_iter()
        .map(|(what, request)| (what.to_owned(), request))
        .collect()
}

fn components(signed: &Signed<'_>) -> Tries {
    let first = signed.draft().components[0].clone();
    let identifiers = [
        first.clone(),
        quoted("@siege"),
        quoted("@status"),
        quoted("x-siege-missing"),
        quoted("@signature-params"),
        format!("{};req", quoted("@method")),
        format!("{};tr", quoted("content-type")),
        format!("{};siege", quoted("content-type")),
        "content-type".to_owned(),
    ];
    let tries = identifiers.iter().map(|identifier| {
        let what = if *identifier == first {
            format!("{identifier} twice")
        } else {
            format!("the component {identifier}")
        };
        (what, signed.draft().covering(identifier).sign(signed.key))
    });
    tries.collect()
}

fn params(signed: &Signed<'_>) -> Tries {
    let own = signed.key.signature_algorithm().unwrap_or_default();
    let names = [
        "hmac-sha256",
        "ed25519",
        "ecdsa-p256-sha256",
        "rsa-pss-sha512",
        "none",
        "",
    ];
    let others = names.iter().filter(|name| **name != own);
    let upper = own.to_ascii_uppercase();
    let mut tries: Tries = others
        .chain([&upper.as_str()])
        .map(|name| {
            let request = signed.draft().param("alg", &quoted(name)).sign(signed.key);
            (format!("alg={name:?}"), request)
        })
        .collect();
    let mut twice = signed.draft();
    twice
        .params
        .push(("keyid".to_owned(), quoted("siege-other")));
    let drafts: [(&str, Draft); 4] = [
        (
            "a parameter that is not known",
            signed.draft().param("siege", "1"),
        ),
        ("a parameter twice", twice),
        (
            "a keyid that is no text",
            signed.draft().param("keyid", "1"),
        ),
        (
            "a nonce that is no text",
            signed.draft().param("nonce", "1"),
        ),
    ];
    let drafts = drafts.into_iter();
    tries.extend(drafts.map(|(what, draft)| (what.to_owned(), draft.sign(signed.key))));
    tries
}

fn keys(signed: &Signed<'_>) -> Tries {
    let (draft, key) = (signed.draft(), signed.key);
    let right = draft.signature(key);
    let mut flipped = right.clone();
    flipped.iter_mut().take(1).for_each(|byte| *byte ^= 1);
    let length = right.len();
    let mut tries = vec![
        (
            "a keyid that nobody has",
            signed.draft().param("keyid", "\"siege-other\"").sign(key),
        ),
        (
            "an empty keyid",
            signed.draft().param("keyid", "\"\"").sign(key),
        ),
        ("no keyid", signed.draft().without_param("keyid").sign(key)),
        (
            "a signature with one bit changed",
            draft.with_signature(&flipped),
        ),
        ("an empty signature", signed.draft().with_signature(b"")),
        (
            "a signature of zeros",
            signed.draft().with_signature(&vec![0; length]),
        ),
        (
            "half a signature",
            draft.with_signature(&right[..length / 2]),
        ),
        (
            "another request's signature",
            signed.draft().with_signature(&right),
        ),
    ];
    let secrets = [b"".to_vec(), b"siege".to_vec(), draft_id(signed)];
    for secret in signed.key.public_forms().iter().chain(&secrets) {
        let by = PrivateKey::from_secret(secret);
        let draft = signed.draft().param("alg", "\"hmac-sha256\"");
        tries.push(("a signature with a secret that is none", draft.sign(&by)));
    }
    if let Some(foreign) = signed.key.foreign() {
        tries.push(("a signature by another key", signed.draft().sign(&foreign)));
    }
    tries
        .into_iter()
        .map(|(what, request)| (what.to_owned(), request))
        .collect()
}

fn draft_id(signed: &Signed<'_>) -> Vec<u8> {
    signed.signatures.key_id.clone().into_bytes()
}
