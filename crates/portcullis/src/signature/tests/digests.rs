//! Digests that nobody signed.

use http::Request;
use portcullis_core::{BoxError, Rejection, RejectionKind};
use portcullis_test::{Chunks, contract, send, text};
use tower::{Layer, service_fn};

use super::{TestBody, swallow};
use crate::{
    body_limit::RequestBody,
    signature::{ContentDigest, ContentDigestLayer},
};

contract!(
    ContentDigestLayer::from(ContentDigest::new()),
    ContentDigestLayer::from(ContentDigest::new().required()),
    ContentDigestLayer::off(),
);

async fn post<B>(guard: ContentDigest, digest: &[&str], body: B) -> (u16, String)
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let request = digest.iter().fold(Request::post("/"), |request, line| {
        request.header("content-digest", *line)
    });
    let layer = ContentDigestLayer::from(guard);
    let service = layer.layer(service_fn(swallow::<RequestBody<B>>));
    let response = send(service, request.body(body).unwrap()).await;
    let kind = response
        .extensions()
        .get::<Rejection>()
        .map(Rejection::kind);
    assert!(kind.is_none_or(|kind| kind == RejectionKind::Malformed));
    assert_eq!(
        response.headers().contains_key("want-content-digest"),
        kind.is_some() && !digest.contains(&SHA_256_OF_ANOTHER)
    );
    (response.status().as_u16(), text(response).await)
}

/// RFC 9530, appendix B.1: the digest of `{"hello": "world"}` and a line feed.
const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const SHA_256_OF_ANOTHER: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const BODY: &str = "{\"hello\": \"world\"}\n";

#[tokio::test]
async fn a_body_must_be_the_one_that_its_digest_is_of() {
    let guard = ContentDigest::new();
    assert_eq!(post(guard, &[SHA_256], TestBody::from(BODY)).await.0, 200);
    assert_eq!(
        post(guard, &[SHA_256], Chunks::new([Ok(BODY)])).await.0,
        200
    );
    assert_eq!(
        post(guard, &[SHA_256_OF_ANOTHER], TestBody::from(BODY))
            .await
            .0,
        400
    );
    assert_eq!(
        post(guard, &[SHA_256_OF_ANOTHER], Chunks::new([Ok(BODY)]))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn each_digest_that_is_known_counts_and_one_at_least_must_be() {
    let guard = ContentDigest::new();
    let short = "sha-256=:AAAA:";
    let wrong_512 = format!("sha-512=:{}:", "A".repeat(86) + "==");
    for (lines, expected) in [
        (&["md5=:AAAA:", SHA_256][..], 200),
        (&[SHA_256, &wrong_512][..], 400),
        (&["md5=:AAAA:"][..], 400),
        (&[short][..], 400),
        (&["sha-256=1"][..], 400),
        (&["sha-256"][..], 400),
        (&["sha-256=(1)"][..], 400),
        (&["garbage garbage"][..], 400),
        (&[""][..], 400),
        (&["caf\u{e9}"][..], 400),
    ] {
        if lines.contains(&&*wrong_512) {
            let body = TestBody::from(BODY);
            let request = Request::post("/").header("content-digest", lines.join(", "));
            let layer = ContentDigestLayer::from(guard);
            let service = layer.layer(service_fn(swallow::<RequestBody<TestBody>>));
            let response = send(service, request.body(body).unwrap()).await;
            assert_eq!(response.status(), expected);
            continue;
        }
        let (status, _) = post(guard, lines, TestBody::from(BODY)).await;
        assert_eq!(status, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn a_digest_may_be_required_of_who_sends_a_body() {
    let required = ContentDigest::new().required();
    assert_eq!(
        post(ContentDigest::new(), &[], TestBody::from(BODY))
            .await
            .0,
        200
    );
    let (status, body) = post(required, &[], TestBody::from(BODY)).await;
    assert_eq!(status, 400);
    assert!(body.contains("a Content-Digest is required"), "{body}");
    assert_eq!(post(required, &[], TestBody::default()).await.0, 200);
}
