//! A signature covers a head: the body is bound by a digest that it covers.

use super::Signed;
use crate::{
    context::Context,
    signing::{DIGEST, digest_of, quoted},
    verdict::{Failure, Finding},
};

pub(crate) async fn changed_body(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let right = signed.draft().body;
    let mut other = right.clone();
    other.reverse();
    for (what, body) in [
        ("another body of the same length", other.clone()),
        ("a longer body", [&right[..], b" "].concat()),
        ("a shorter body", right[..right.len() - 1].to_vec()),
        ("no body", Vec::new()),
    ] {
        let request = signed.draft().sign(signed.key).body(body);
        signed.refuses_with(&[400, 401], what, &request).await?;
    }
    let mut both = signed.draft().sign(signed.key).body(other.clone());
    for (name, value) in &mut both.headers {
        if name == "content-digest" {
            *value = digest_of(&other).into_bytes();
        }
    }
    signed
        .refuses("another body with its own digest", &both)
        .await?;
    Ok("5 bodies refused".to_owned())
}

pub(crate) async fn no_digest(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let bare = signed.draft().without_field("content-digest");
    let uncovered = bare.clone().not_covering(DIGEST).sign(signed.key);
    signed
        .refuses("a body without a digest", &uncovered)
        .await?;
    let covered = signed
        .draft()
        .without_field("content-digest")
        .sign(signed.key);
    signed
        .refuses_with(
            &[400, 401],
            "a digest that is covered and not there",
            &covered,
        )
        .await?;
    for digest in [
        "md5=:AAAAAAAAAAAAAAAAAAAAAA==:",
        "unixsum=:AAAA:",
        "siege=:AAAA:",
        "sha-256=:AAAA:",
        "sha-256=::",
        "",
    ] {
        let draft = signed.draft().without_field("content-digest");
        let request = draft.field("content-digest", digest).sign(signed.key);
        let what = format!("the digest {digest:?}");
        signed.refuses_with(&[400, 401], &what, &request).await?;
    }
    let unsigned = signed.draft().unsigned();
    signed.refuses("no signature", &unsigned).await?;
    Ok("9 requests refused".to_owned())
}

pub(crate) async fn too_little(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let names = signed.draft().components;
    for name in &names {
        let request = signed.draft().not_covering(name).sign(signed.key);
        let what = format!("a signature that does not cover {name}");
        signed.refuses(&what, &request).await?;
    }
    let mut empty = signed.draft();
    empty.components.clear();
    signed
        .refuses("a signature that covers nothing", &empty.sign(signed.key))
        .await?;
    let mut other = signed.draft();
    other.components = vec![quoted("content-type")];
    signed
        .refuses(
            "a signature of the content type alone",
            &other.sign(signed.key),
        )
        .await?;
    Ok(format!("{} signatures refused", names.len() + 2))
}

pub(crate) async fn chunked(context: &Context) -> Finding {
    let signed = Signed::admitted(context).await?;
    let right = signed.draft().body;
    let mut other = right.clone();
    other.reverse();
    let chunks = |body: &[u8]| {
        let (one, two) = body.split_at(body.len() / 2);
        let mut all = Vec::new();
        for part in [one, two] {
            all.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            all.extend_from_slice(part);
            all.extend_from_slice(b"\r\n");
        }
        [&all[..], b"0\r\n\r\n"].concat()
    };
    for (body, is_right) in [(&right, true), (&other, false)] {
        let request = signed.draft().sign(signed.key);
        let bytes = signed.bytes(&request, b"Transfer-Encoding: chunked\r\n", &chunks(body));
        let seen = context.first_answer(bytes).await?;
        let status = seen.status();
        let is_good = matches!(status, Some(200..=299));
        if status == Some(429) {
            return Err(Failure::limited());
        }
        let what = match (is_good, is_right) {
            (true, true) | (false, false) => continue,
            (true, false) => "another body than the digest's, in chunks, is served",
            (false, true) => "the right body is refused when it comes in chunks",
        };
        return Err(seen.evidence(what).only_in_a_siege().into());
    }
    Ok("the same as with a length".to_owned())
}
