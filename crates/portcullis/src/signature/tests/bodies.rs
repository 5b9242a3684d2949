//! A body is the one that was signed, however it comes.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use portcullis_core::{Facts, Reason, Rejection};
use portcullis_test::{Chunks, ok, send, text};
use tower::{Layer, service_fn};

use super::{TestBody, ask, guard, layer, policy, reason, signed, signer, swallow};
use crate::{
    AnyOf, Edge, Slot,
    api_key::{ApiKey, ApiKeyGuard, Keys},
    body_limit::{BodyLimit, RequestBody},
    edge::{Alone, Plain},
};

/// A request with another body than the one that was signed.
fn with<B>(signed_body: &'static str, body: B) -> Request<B> {
    let (head, _) = signed(&signer(), signed_body).into_parts();
    Request::from_parts(head, body)
}

/// How a body comes.
fn chunks(pieces: &[&'static str]) -> Chunks {
    Chunks::new(pieces.iter().map(|piece| Ok(*piece)))
}

#[tokio::test]
async fn g12_chunks_and_a_known_length_come_to_the_same() {
    for (body, expected) in [
        ("abcdef", 200),
        ("abcdeg", 401),
        ("abcde", 401),
        ("abcdefg", 401),
    ] {
        let known = ask(&layer(policy()), with("abcdef", Full::<Bytes>::from(body))).await;
        assert_eq!(known.status(), expected, "{body}");
        let (first, rest) = body.split_at(2);
        let pieces: [&[&'static str]; 4] =
            [&[body], &[first, rest], &["", body, ""], &[first, "", rest]];
        for pieces in pieces {
            let chunked = ask(&layer(policy()), with("abcdef", chunks(pieces))).await;
            assert_eq!(chunked.status(), expected, "{pieces:?}");
            assert_eq!(
                reason(&chunked),
                (expected == 401).then_some(Reason::DigestMismatch)
            );
        }
    }
}

#[tokio::test]
async fn an_application_never_sees_a_wrong_body_as_a_whole_one() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let handler = {
        let seen = seen.clone();
        service_fn(move |request: Request<RequestBody<TestBody>>| {
            let seen = seen.clone();
            async move {
                let response = swallow(request).await?;
                *seen.lock().unwrap() = text(response.clone()).await;
                Ok::<_, std::convert::Infallible>(response)
            }
        })
    };
    let request = with("{}", TestBody::from("[]"));
    let response = send(layer(policy()).layer(handler), request).await;

    assert_eq!(response.status(), 401);
    assert_eq!(*seen.lock().unwrap(), "alice: the request body was refused");
}

#[tokio::test]
async fn a_body_that_is_empty_has_the_digest_of_nothing() {
    let right = ask(&layer(policy()), with("", TestBody::default())).await;
    assert_eq!(right.status(), 200);
    let right = ask(&layer(policy()), with("", chunks(&[]))).await;
    assert_eq!(right.status(), 200);

    let missing = ask(&layer(policy()), with("{}", TestBody::default())).await;
    assert_eq!(reason(&missing), Some(Reason::DigestMismatch));
    let missing = ask(&layer(policy()), with("{}", chunks(&[]))).await;
    assert_eq!(reason(&missing), Some(Reason::DigestMismatch));
}

#[tokio::test]
async fn an_empty_body_is_refused_before_the_application_is_called() {
    let never = service_fn(|_: Request<RequestBody<TestBody>>| async {
        panic!("the service must not see this request");
        #[expect(unreachable_code, reason = "it names the type")]
        Ok::<http::Response<TestBody>, std::convert::Infallible>(http::Response::default())
    });
    let request = with("{}", TestBody::default());

    assert_eq!(
        send(layer(policy()).layer(never), request).await.status(),
        401
    );
}

#[tokio::test]
async fn a_limit_of_bodies_is_the_first_to_refuse() {
    let edge = Edge::new()
        .body_limit(BodyLimit::new(4))
        .guard(Slot::Authentication, guard(policy()));
    let service = edge
        .build()
        .unwrap()
        .layer(service_fn(swallow::<RequestBody<Chunks>>));
    let mut request = with("abcdef", chunks(&["abc", "xyz"]));
    request
        .headers_mut()
        .insert("host", http::HeaderValue::from_static("example.com"));

    assert_eq!(send(service, request).await.status(), 413);
}

#[tokio::test]
async fn a_layer_that_leaves_bodies_alone_refuses_what_must_be_checked() {
    let plain: Alone<_, Plain> = guard(policy()).into();
    let service = plain.layer(ok());
    let response = send(service.clone(), signed(&signer(), "{}")).await;

    assert_eq!(response.status(), 500);
}

#[tokio::test(start_paused = true)]
async fn in_an_edge_observers_and_the_deadline_see_it() {
    let edge = Edge::new()
        .timeout(Duration::from_secs(1))
        .guard(Slot::Authentication, guard(policy()));
    let edge = edge.build().unwrap();
    let host = |mut request: Request<TestBody>| {
        let host = http::HeaderValue::from_static("example.com");
        request.headers_mut().insert("host", host);
        request
    };
    let service = edge.layer(service_fn(swallow::<RequestBody<TestBody>>));

    let right = send(service.clone(), host(signed(&signer(), "{}"))).await;
    assert_eq!(
        (right.status().as_u16(), &*text(right).await),
        (200, "alice: {}")
    );
    let wrong = send(service, host(with("{}", TestBody::from("[]")))).await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().contains_key("x-request-id"));
    let rejection = wrong.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.cause().unwrap().subject(), Some("key-1"));
}

/// What a client sees of a refusal, but for the request's ID.
async fn seen(response: super::Answer) -> (http::StatusCode, HeaderMap, String) {
    let (mut head, body) = response.into_parts();
    let id = head.headers.remove("x-request-id").unwrap();
    let body = text(http::Response::new(body)).await;
    let body = body.replace(id.to_str().unwrap(), "ID");
    (head.status, head.headers, body)
}

/// Or it could be told that the signature was right.
#[tokio::test]
async fn beside_api_keys_a_wrong_body_is_refused_like_a_wrong_signature() {
    let key = ApiKey::generate("pk").unwrap();
    let edge = Edge::new()
        .api_keys(Keys::default().and("alice", &key))
        .signatures(guard(policy()));
    let edge = edge.build().unwrap();
    let service = edge.layer(service_fn(swallow::<RequestBody<TestBody>>));
    let refused = async |mut request: Request<TestBody>| {
        let host = http::HeaderValue::from_static("example.com");
        request.headers_mut().insert("host", host);
        seen(send(service.clone(), request).await).await
    };
    let unknown = super::Signer::try_new("nobody", super::key()).unwrap();
    let unknown = unknown.clock(portcullis_core::WallClock::from(&*super::CLOCK));

    let by_head = refused(signed(&unknown, "{}")).await;
    let by_body = refused(with("{}", TestBody::from("[]"))).await;
    assert_eq!(by_head, by_body);
    assert_eq!(by_body.0, 401);
    let challenges = by_body.1.get_all("www-authenticate").iter();
    assert!(challenges.count() > 1, "{by_body:?}");
}

#[tokio::test]
async fn beside_api_keys_it_is_told_what_must_be_signed() {
    let keys = ApiKeyGuard::new(Keys::default());
    let signatures = guard(policy());
    for both in [
        AnyOf::new().or(keys.clone()).or(signatures.clone()),
        AnyOf::new().or(signatures).or(keys),
    ] {
        let layer = crate::edge::GuardLayer::from(both);
        let response = send(layer.layer(ok()), super::unsigned(TestBody::default())).await;

        assert_eq!(response.status(), 401);
        let told = response.headers().get_all("accept-signature").iter();
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            ["sig=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created"]
        );
    }
}

#[cfg(feature = "decompression")]
mod encoded {
    use http::HeaderValue;

    use super::*;

    /// `{"hello": "world"}` by gzip.
    const GZIP: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 72, 205, 201, 201, 87, 178, 82, 80, 42, 207,
        47, 202, 73, 81, 170, 5, 0, 34, 174, 163, 134, 18, 0, 0, 0,
    ];

    fn encoded<B>(body: B, is_right: bool) -> Request<B> {
        let (mut head, ()) = super::super::unsigned(()).into_parts();
        let sent = if is_right { GZIP } else { b"another" };
        signer().sign(&mut head, Some(sent)).unwrap();
        for (name, value) in [("content-encoding", "gzip"), ("host", "example.com")] {
            head.headers.insert(name, HeaderValue::from_static(value));
        }
        Request::from_parts(head, body)
    }

    fn edge() -> crate::EdgeLayer {
        Edge::new()
            .body_limit(BodyLimit::new(1 << 16).decoded(1 << 16))
            .guard(Slot::Authentication, guard(policy()))
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn a_digest_is_of_what_was_sent_before_it_is_decoded() {
        let known = edge().layer(service_fn(swallow::<RequestBody<TestBody>>));
        let right = send(known.clone(), encoded(TestBody::from(GZIP), true)).await;
        assert_eq!(text(right).await, "alice: {\"hello\": \"world\"}");
        let wrong = send(known, encoded(TestBody::from(GZIP), false)).await;
        assert_eq!(wrong.status(), 401);

        let chunked = edge().layer(service_fn(swallow::<RequestBody<Pieces>>));
        let right = send(chunked.clone(), encoded(Pieces::new(GZIP), true)).await;
        assert_eq!(text(right).await, "alice: {\"hello\": \"world\"}");
        let wrong = send(chunked, encoded(Pieces::new(GZIP), false)).await;
        assert_eq!(wrong.status(), 401);
    }

    /// A body of unknown length.
    struct Pieces(Vec<Bytes>);

    impl Pieces {
        fn new(bytes: &'static [u8]) -> Self {
            let mut pieces: Vec<_> = bytes.chunks(7).map(Bytes::from_static).collect();
            pieces.reverse();
            Self(pieces)
        }
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Ready(self.0.pop().map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }
}

#[tokio::test]
async fn who_asked_is_known_to_the_handler_with_its_key() {
    let handler = portcullis_test::service(|request: &Request<RequestBody<TestBody>>| {
        let principal: &portcullis_core::Principal = Facts::of(request.extensions()).get().unwrap();
        format!(
            "{} {:?} {}",
            principal.id(),
            principal.key_id(),
            principal.scheme()
        )
    });
    let response = send(layer(policy()).layer(handler), signed(&signer(), "{}")).await;

    assert_eq!(text(response).await, "alice Some(\"key-1\") signature");
}
