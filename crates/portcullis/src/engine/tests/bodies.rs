use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use portcullis_core::{BoxError, Outcome, RejectionKind};
use portcullis_test::{Body as Text, Chunks, echo, ok, send, text};
use tower::{Layer, service_fn};

use super::{Log, Noted, Notes, edge, rejects};
use crate::{
    Edge, ObserveLayer,
    engine::{Alone, Plain, RequestBody},
    request_id::RequestIdLayer,
};

fn observed(notes: &Notes) -> Edge {
    edge().observe(notes.clone())
}

fn chunks() -> Request<Chunks> {
    Request::new(Chunks::new([Ok("ab"), Ok("cde")]))
}

/// Reads the whole body before it answers.
async fn reads<B>(request: Request<RequestBody<B>>) -> Result<Response<Text>, Infallible>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static,
{
    let body = request.into_body().collect().await;
    Ok(Response::new(
        body.map_or("failed".into(), |body| body.to_bytes().into()),
    ))
}

#[tokio::test]
async fn the_length_of_a_body_is_what_it_says() {
    for limit in [None, Some(9_u64)] {
        let notes = Notes::default();
        let layer = observed(&notes).body_limit(limit).build().unwrap();
        let hello = Request::new(Full::<Bytes>::from("hello"));
        drop(send(layer.layer(ok()), hello).await);

        assert_eq!(notes.only().request_bytes(), 5, "{limit:?}: nobody read it");
    }
}

#[tokio::test]
async fn the_length_of_a_body_that_says_none_is_what_was_read() {
    for limit in [None, Some(9_u64)] {
        let notes = Notes::default();
        let layer = observed(&notes).body_limit(limit).build().unwrap();
        let response = send(layer.layer(service_fn(reads)), chunks()).await;

        assert_eq!(text(response).await, "abcde");
        assert_eq!(notes.only().request_bytes(), 5, "{limit:?}");
    }
}

#[tokio::test]
async fn a_body_is_counted_to_the_end_of_the_exchange() {
    let notes = Notes::default();
    let layer = observed(&notes).build().unwrap();
    let response = send(layer.layer(echo()), chunks()).await;

    assert_eq!(text(response).await, "abcde");
    assert_eq!(
        notes.only().request_bytes(),
        5,
        "read when the head was out"
    );
    assert_eq!(notes.only().response_bytes(), 5);
}

#[tokio::test]
async fn what_was_read_of_a_body_that_is_too_long_is_counted() {
    let notes = Notes::default();
    let layer = observed(&notes).body_limit(4).build().unwrap();
    let response = send(layer.layer(service_fn(reads)), chunks()).await;

    assert_eq!(response.status(), 413);
    drop(response);
    assert_eq!(notes.only().request_bytes(), 5);
    assert_eq!(notes.rejection(), Some(RejectionKind::BodyTooLarge));
}

#[tokio::test]
async fn a_layer_over_heads_fits_around_one_over_bodies() {
    let notes = Notes::default();
    let observed = ObserveLayer::new(notes.clone()).layer(echo());
    let named = RequestIdLayer::new().layer(observed.clone());
    let response = send(named, Request::new(Text::from("hello"))).await;

    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(text(response).await, "hello");
    assert_eq!(notes.only().outcome(), Outcome::Complete);
    let refuses = Alone::<_, Plain>::from(Noted::new("a", &Log::default(), rejects));
    let refused = send(refuses.layer(observed), Request::new(Text::default())).await;
    assert_eq!(refused.status(), 401);
    assert!(text(refused).await.contains("unauthenticated"));
}
