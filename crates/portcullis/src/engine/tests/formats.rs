//! A person at a browser is refused with a page, a program with a problem: whoever refuses, and when.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt, Full};
use portcullis_core::{ByFormat, Format, Guard, Rejection, RejectionKind, Reply, Verdict};
use portcullis_test::{Body, Chunks};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Noted, Notes, admits, panics, rejects};
use crate::{
    Edge, Slot, body_limit::BodyLimitLayer, catch_panic::CatchPanicLayer, edge::GuardLayer,
    timeout::TimeoutLayer,
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The status and the content type of the response to each format.
async fn formats<S, B, R>(service: S, body: impl Fn() -> B) -> [(u16, String); 2]
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone,
{
    let ask = async |accept: &str| {
        let request = Request::builder().header("accept", accept);
        let request = request.header("host", "localhost").body(body());
        let response = service.clone().oneshot(request.unwrap()).await.unwrap();
        let content_type = response.headers()["content-type"].to_str().unwrap();
        (response.status().as_u16(), content_type.to_owned())
    };
    [ask(BROWSER).await, ask("*/*").await]
}

fn both(status: u16) -> [(u16, String); 2] {
    ["text/html; charset=utf-8", "application/problem+json"].map(|kind| (status, kind.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn whoever_refuses_looks_at_what_is_accepted() {
    let log = Default::default();
    let guarded = |says| {
        let guard = Noted::new("x", &log, says);
        let edge = Edge::new().timeout(Duration::from_secs(1));
        edge.guard(Slot::Hygiene, guard).build().unwrap()
    };
    let slow = service_fn(|_| async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let broken = service_fn(|_| async {
        if true {
            panic!("in an application");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let body = || Body::default();

    assert_eq!(formats(guarded(rejects).layer(slow), body).await, both(401));
    assert_eq!(formats(guarded(panics).layer(slow), body).await, both(500));
    assert_eq!(formats(guarded(admits).layer(slow), body).await, both(503));
    assert_eq!(
        formats(guarded(admits).layer(broken), body).await,
        both(500)
    );
}

/// What the client of a call reads, whoever refuses: a code of gRPC, an error of Connect.
async fn codes<S, R>(service: S) -> [String; 2]
where
    S: Service<Request<Body>, Response = Response<R>, Error = Infallible> + Clone,
    R: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let ask = async |fields: &[(&str, &str)]| {
        let request = Request::post("/a.B/C").header("host", "localhost");
        let add =
            |request: request::Builder, field: &(&str, &str)| request.header(field.0, field.1);
        let request = fields.iter().fold(request, add).body(Body::default());
        let response = service.clone().oneshot(request.unwrap()).await.unwrap();
        assert!(response.extensions().get::<Rejection>().is_some());
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head, body)
    };
    let (grpc, empty) = ask(&[("content-type", "application/grpc")]).await;
    assert_eq!((grpc.status.as_u16(), empty.len()), (200, 0));
    let connect = [
        ("content-type", "application/json"),
        ("connect-protocol-version", "1"),
    ];
    let (head, error) = ask(&connect).await;
    let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
    let code = error["code"].as_str().unwrap();
    [
        grpc.headers["grpc-status"].to_str().unwrap().to_owned(),
        format!("{} {code}", head.status.as_u16()),
    ]
}

async fn slow<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(Response::default())
}

async fn broken<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    if true {
        panic!("in an application");
    }
    Ok(Response::default())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_as_its_client_reads_it() {
    let guarded = |says| {
        let guard = Noted::new("x", &Default::default(), says);
        let edge = Edge::new().timeout(Duration::from_secs(1));
        edge.guard(Slot::Hygiene, guard).build().unwrap()
    };

    let unknown = ["16", "401 unauthenticated"];
    assert_eq!(
        codes(guarded(rejects).layer(service_fn(slow))).await,
        unknown
    );
    let failed = ["13", "500 internal"];
    assert_eq!(codes(guarded(panics).layer(service_fn(slow))).await, failed);
    assert_eq!(
        codes(guarded(admits).layer(service_fn(broken))).await,
        failed
    );
    let late = ["4", "504 deadline_exceeded"];
    assert_eq!(codes(guarded(admits).layer(service_fn(slow))).await, late);
    // Layers alone count no bodies: the head is gone when they refuse.
    let alone = TimeoutLayer::new(Duration::from_secs(1));
    assert_eq!(codes(alone.layer(service_fn(slow))).await, late);
    assert_eq!(
        codes(CatchPanicLayer::new().layer(service_fn(broken))).await,
        failed
    );
}

struct Refuses(RejectionKind);

impl Guard for Refuses {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.0.into()
    }
}

#[tokio::test]
async fn an_error_is_one_whatever_the_status_of_a_refused_call() {
    let ok = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    for (kind, error) in [
        (RejectionKind::Unavailable, Some("503")),
        (RejectionKind::Misconfigured, Some("500")),
        (RejectionKind::Panicked, Some("panic")),
        (RejectionKind::TimedOut, Some("timeout")),
        (RejectionKind::RateLimited, None),
    ] {
        let notes = Notes::default();
        let edge = Edge::new().observe(notes.clone());
        let edge = edge.guard(Slot::Hygiene, Refuses(kind)).build().unwrap();
        codes(edge.layer(ok)).await;

        let errors = notes.ends().into_iter().map(|(_, error, _)| error);
        let error = error.map(str::to_owned);
        assert_eq!(errors.collect::<Vec<_>>(), [error.clone(), error]);
    }
}

#[tokio::test]
async fn a_call_is_refused_so_where_a_responder_panics() {
    let broken = ByFormat(|_: &Rejection, _: Format| panic!("in a responder"));
    let guard = GuardLayer::from(Noted::new("x", &Default::default(), rejects));
    let ok = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });

    let unknown = ["16", "401 unauthenticated"];
    assert_eq!(codes(guard.respond_with(broken).layer(ok)).await, unknown);
}

#[tokio::test]
async fn a_layer_alone_does_too() {
    let reads = service_fn(
        |request: Request<crate::body_limit::RequestBody<Chunks>>| async {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        },
    );
    let guard = GuardLayer::from(Noted::new("x", &Default::default(), rejects));
    let body = || Chunks::new([Ok("far"), Ok("too"), Ok("much")]);

    assert_eq!(formats(guard.layer(reads), body).await, both(401));
    assert_eq!(
        formats(BodyLimitLayer::new(4).layer(reads), body).await,
        both(413)
    );
}

#[tokio::test]
async fn a_responder_of_ones_own_may_look_at_it() {
    let own = ByFormat(|rejection: &Rejection, format: Format| {
        let status = rejection.kind().status();
        let response = Response::builder().status(status);
        let kind = if format == Format::Page {
            "text/x-page"
        } else {
            "text/x-problem"
        };
        response
            .header("content-type", kind)
            .body(Bytes::new())
            .unwrap()
    });
    let guard = GuardLayer::from(Noted::new("x", &Default::default(), rejects));
    let layer = guard.respond_with(own);
    let ok = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });

    let expected = ["text/x-page", "text/x-problem"].map(|kind| (401, kind.to_owned()));
    assert_eq!(formats(layer.layer(ok), Body::default).await, expected);
}
