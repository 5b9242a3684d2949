mod types;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use portcullis_core::{BoxError, Facts, Rejection, RejectionKind, RequestId};
use portcullis_test::{Body as TestBody, Chunks, contract, send, text};
use proptest::prelude::*;
use tower::{Layer, service_fn};

use super::{BodyLimitLayer, BodyTooLarge, RequestBody};

contract!(BodyLimitLayer::new(8), BodyLimitLayer::off());

fn named<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"r-1").unwrap());
    request
}

/// Reads the whole body, whatever comes, and answers 200 with what it read.
async fn swallow<B>(request: Request<B>) -> Result<Response<TestBody>, Infallible>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let answer = match request.into_body().collect().await {
        Ok(body) => TestBody::new(body.to_bytes()),
        Err(error) => TestBody::from(error.to_string()),
    };
    Ok(Response::new(answer))
}

async fn never_called<B>(_: Request<RequestBody<B>>) -> Result<Response<TestBody>, Infallible> {
    panic!("the service must not see this request")
}

#[tokio::test]
async fn a_body_within_the_limit_passes() {
    let known = BodyLimitLayer::new(4).layer(service_fn(swallow));
    let response = send(known, named(Full::<Bytes>::from("abcd"))).await;
    assert_eq!(text(response).await, "abcd");

    let chunked = BodyLimitLayer::new(4).layer(service_fn(swallow));
    let response = send(chunked, named(Chunks::new([Ok("ab"), Ok("cd")]))).await;
    assert_eq!(text(response).await, "abcd");
}

#[tokio::test]
async fn a_declared_length_is_refused_before_the_service_is_called() {
    let service = BodyLimitLayer::new(4).layer(service_fn(never_called));
    let response = send(service, named(TestBody::from("abcde"))).await;

    assert_eq!(response.status(), 413);
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::BodyTooLarge);
    let body = text(response).await;
    assert!(
        body.contains(r#""detail":"at most 4 bytes are allowed""#),
        "{body}"
    );
    assert!(body.contains(r#""request_id":"r-1""#), "{body}");

    let mut declared = named(Chunks::new([Ok("a")]));
    let length = HeaderValue::from_static("5");
    declared
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    let service = BodyLimitLayer::new(4).layer(service_fn(never_called));
    assert_eq!(send(service, declared).await.status(), 413);
}

#[tokio::test]
async fn a_chunked_body_is_refused_even_if_the_handler_swallows_the_error() {
    let service = BodyLimitLayer::new(4).layer(service_fn(swallow));
    let response = send(service, named(Chunks::new([Ok("abc"), Ok("de"), Ok("f")]))).await;

    assert_eq!(response.status(), 413);
    assert!(response.extensions().get::<Rejection>().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_answer_does_not_wait_for_the_handler() {
    let sleeps = service_fn(|request: Request<RequestBody<Chunks>>| async move {
        let error = request.into_body().collect().await.unwrap_err();
        assert!(error.is::<BodyTooLarge>());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok::<_, Infallible>(Response::new(TestBody::default()))
    });
    let started = tokio::time::Instant::now();
    let response = send(
        BodyLimitLayer::new(1).layer(sleeps),
        named(Chunks::new([Ok("abc")])),
    )
    .await;

    assert_eq!(response.status(), 413);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn an_error_of_the_body_is_passed_on() {
    let service = BodyLimitLayer::new(9).layer(service_fn(swallow));
    let response = send(service, named(Chunks::new([Ok("ab"), Err("cut off")]))).await;

    assert_eq!(text(response).await, "cut off");
}

#[tokio::test]
async fn off_is_identity() {
    let service = BodyLimitLayer::off().layer(service_fn(swallow));
    let response = send(service, named(Full::<Bytes>::from("anything"))).await;

    assert_eq!(text(response).await, "anything");
}

proptest! {
    #[test]
    fn passes_exactly_what_is_within_the_limit(chunks in prop::collection::vec("[a-z]{0,5}", 0..6), limit in 0..20_u64) {
        let chunks: Vec<&'static str> = chunks.into_iter().map(|chunk| &*chunk.leak()).collect();
        let whole = chunks.concat();
        let service = BodyLimitLayer::new(limit).layer(service_fn(swallow));
        let request = named(Chunks::new(chunks.into_iter().map(Ok)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(send(service, request));
        let expected = if whole.len() as u64 > limit { 413 } else { 200 };
        prop_assert_eq!(response.status().as_u16(), expected);
        if expected == 200 {
            prop_assert_eq!(runtime.block_on(text(response)), whole);
        }
    }
}
