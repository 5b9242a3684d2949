//! What becomes of the fields that a layer of somebody else adds.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request};
use portcullis_core::{Guard, ProblemJson, RejectionKind, Reply, Verdict};
use portcullis_test::{OwnBody, request as ask, send, text};
use tower::{Layer, Service, layer::layer_fn, service_fn};

use crate::{
    Edge, Slot,
    edge::{LayerGuard, Passes},
    health::Health,
};

type Fields = &'static [(&'static str, &'static str)];

/// Adds fields to the responses of the service inside, or answers with them.
#[derive(Clone)]
struct Adds {
    inner: Passes,
    fields: Fields,
    answers: Option<StatusCode>,
}

impl Service<Request<()>> for Adds {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut response = if let Some(status) = self.answers {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status;
            response
        } else {
            self.inner.call(request).into_inner().unwrap()
        };
        for (name, value) in self.fields {
            let value = HeaderValue::from_static(value);
            response.headers_mut().append(*name, value);
        }
        ready(Ok(response))
    }
}

fn adding(fields: Fields, answers: Option<StatusCode>) -> Edge {
    let layer = layer_fn(move |inner| Adds {
        inner,
        fields,
        answers,
    });
    Edge::new().guard(Slot::CrossOrigin, LayerGuard::new("adds", layer))
}

async fn hello(
    _: Request<crate::engine::RequestBody<portcullis_test::Body>>,
) -> Result<Response<OwnBody>, Infallible> {
    let mut response = Response::new("hello".into());
    let cookie = HeaderValue::from_static("own=1");
    response.headers_mut().insert("set-cookie", cookie);
    Ok(response)
}

async fn answer(edge: Edge, path: &str) -> (StatusCode, HeaderMap, String) {
    let service = edge.build().unwrap().layer(service_fn(hello));
    let (head, body) = send(service, ask(path)).await.into_parts();
    (head.status, head.headers, text(Response::new(body)).await)
}

fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let all = headers.get_all(name).iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

struct Closed;

impl Guard for Closed {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        RejectionKind::Unauthenticated.into()
    }
}

#[tokio::test]
async fn every_line_of_a_field_is_added() {
    const FIELDS: Fields = &[
        ("x-list", "a"),
        ("x-list", "b"),
        ("vary", "a"),
        ("vary", "b"),
    ];
    let (_, headers, _) = answer(adding(FIELDS, None), "/").await;

    assert_eq!(lines(&headers, "x-list"), ["a", "b"]);
    assert_eq!(lines(&headers, "vary"), ["a", "b"]);
}

#[tokio::test]
async fn cookies_stand_beside_those_of_the_application() {
    const FIELDS: Fields = &[("set-cookie", "a=1"), ("set-cookie", "b=2")];
    let (_, headers, _) = answer(adding(FIELDS, None), "/").await;

    assert_eq!(lines(&headers, "set-cookie"), ["own=1", "a=1", "b=2"]);
}

#[tokio::test]
async fn a_refusal_and_a_probe_are_never_stored_whatever_a_layer_adds() {
    const FIELDS: Fields = &[("cache-control", "public"), ("cache-control", "max-age=9")];
    let edge = || adding(FIELDS, None).health(&Health::new());
    let refused = edge().guard(Slot::Authentication, Closed);
    let bare = edge()
        .guard(Slot::Authentication, Closed)
        .secure_headers(None);

    for (edge, path, status) in [
        (refused, "/", 401),
        (bare, "/", 401),
        (edge(), "/health", 200),
    ] {
        let (answered, headers, _) = answer(edge, path).await;
        assert_eq!(answered, status);
        assert_eq!(lines(&headers, "cache-control"), ["no-store"]);
    }
    let (_, headers, _) = answer(edge(), "/").await;
    assert_eq!(lines(&headers, "cache-control"), ["public", "max-age=9"]);
}

#[tokio::test]
async fn a_refusal_varies_by_what_the_layer_and_the_format_depend_on() {
    let forbids = adding(&[("vary", "origin")], Some(StatusCode::FORBIDDEN));
    let (status, headers, _) = answer(forbids, "/").await;

    assert_eq!(status, 403);
    assert_eq!(
        lines(&headers, "vary"),
        ["accept, sec-fetch-mode", "origin"]
    );
}

#[tokio::test]
async fn a_refusal_without_a_list_of_its_own_has_that_of_the_layer() {
    let edge = adding(&[("vary", "origin")], None).respond_with(ProblemJson::new());
    let (status, headers, _) = answer(edge.guard(Slot::Authentication, Closed), "/").await;

    assert_eq!(status, 401);
    assert_eq!(lines(&headers, "vary"), ["origin"]);
}

#[tokio::test]
async fn nothing_is_said_of_a_body_that_is_not_sent() {
    const FIELDS: Fields = &[
        ("content-encoding", "gzip"),
        ("content-language", "de"),
        ("content-length", "0"),
        ("content-location", "/other"),
        ("content-range", "bytes 0-1/2"),
        ("content-type", "text/x-other"),
        ("accept-ranges", "bytes"),
        ("content-digest", "sha-256=:x:"),
        ("repr-digest", "sha-256=:x:"),
        ("etag", "\"other\""),
        ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x-sum"),
        ("x-kept", "1"),
    ];
    for answers in [None, Some(StatusCode::FORBIDDEN)] {
        let (_, headers, text) = answer(adding(FIELDS, answers), "/").await;
        assert!(text == "hello" || text.starts_with('{'), "{text}");
        for (name, value) in FIELDS {
            let is_there = lines(&headers, name).contains(value);
            assert_eq!(is_there, *name == "x-kept", "{name}");
        }
    }
}
