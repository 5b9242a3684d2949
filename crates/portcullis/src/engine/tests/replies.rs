use std::{convert::Infallible, time::Duration};

use http::{HeaderMap, HeaderName, Request, Response, request};
use portcullis_core::{Guard, RejectionKind, Reply, Verdict};
use portcullis_test::{Body, after, echo, request as ask, send};
use tower::{Layer, service_fn};

use super::{Log, Noted, Notes, admits, edge, never_knows, rejects};
use crate::{Edge, Slot, engine::RequestBody};

const LIMIT: Duration = Duration::from_secs(1);

/// An edge with a guard that leaves a field, under a deadline.
fn marked(notes: &Notes) -> Edge {
    edge().observe(notes.clone()).timeout(LIMIT).guard(
        Slot::RateLimit,
        Noted::new("quota", &Log::default(), admits),
    )
}

fn assert_marked(headers: &HeaderMap) {
    assert_eq!(headers["quota"], "asked");
    assert_eq!(headers["completed-by"], "quota");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_field_is_on_the_response_of_the_application() {
    let edge = marked(&Notes::default()).build().unwrap();
    let own = service_fn(|_: Request<RequestBody<Body>>| async {
        let response = Response::builder().header("quota", "the application's");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let response = send(edge.layer(own), ask("/")).await;

    assert_eq!(response.status(), 200);
    assert_marked(response.headers());
}

#[tokio::test]
async fn a_field_is_on_a_refusal_of_a_guard_below() {
    let later: fn() -> Verdict = || Verdict::defer(tokio::task::yield_now(), |(), _, _| rejects());
    for says in [rejects as fn() -> Verdict, later] {
        let notes = Notes::default();
        let below = Noted::new("below", &Log::default(), says);
        let edge = marked(&notes).guard(Slot::Authentication, below);
        let response = send(edge.build().unwrap().layer(echo()), ask("/")).await;

        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["quota"], "asked");
        assert_eq!(response.headers()["below"], "asked");
        drop(response);
        assert_eq!(notes.rejection(), Some(RejectionKind::Unauthenticated));
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_is_on_the_503_of_the_deadline() {
    let notes = Notes::default();
    let edge = marked(&notes).build().unwrap();
    let response = send(edge.layer(after(LIMIT * 2)), ask("/")).await;

    assert_eq!(response.status(), 503);
    assert_marked(response.headers());
    drop(response);
    assert_eq!(notes.rejection(), Some(RejectionKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_field_is_on_the_503_of_the_deadline_while_a_guard_waits() {
    let notes = Notes::default();
    let waits = Noted::new("waits", &Log::default(), never_knows);
    let edge = marked(&notes).guard(Slot::Authentication, waits);
    let started = tokio::time::Instant::now();
    let response = send(edge.build().unwrap().layer(echo()), ask("/")).await;

    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["quota"], "asked");
    assert_eq!(response.headers()["waits"], "asked");
    assert!(started.elapsed() <= LIMIT + Duration::from_millis(50));
    drop(response);
    assert_eq!(notes.rejection(), Some(RejectionKind::TimedOut));
}

#[tokio::test]
async fn a_field_is_on_the_500_of_a_panic() {
    let notes = Notes::default();
    let edge = marked(&notes).build().unwrap();
    let broken = service_fn(|_: Request<RequestBody<Body>>| async {
        if true {
            panic!("in the application");
        }
        Ok::<_, Infallible>(Response::<Body>::default())
    });
    let response = send(edge.layer(broken), ask("/")).await;

    assert_eq!(response.status(), 500);
    assert_marked(response.headers());
    drop(response);
    assert_eq!(notes.rejection(), Some(RejectionKind::Panicked));
}

/// A guard that writes one field, with a value of its own.
#[derive(Clone)]
struct Writes(&'static str);

const LIST: HeaderName = HeaderName::from_static("x-list");

impl Guard for Writes {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.write(LIST, self.0.as_bytes());
        Verdict::Admit
    }

    fn writes(&self) -> Vec<HeaderName> {
        vec![LIST]
    }
}

#[tokio::test]
async fn a_field_of_two_guards_has_a_line_of_each_and_none_of_the_applications() {
    let own = service_fn(|_: Request<RequestBody<Body>>| async {
        let response = Response::builder().header(LIST, "own");
        let response = response.header("x-request-id", "own");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let guards = [edge(), edge().secure_headers(None)].map(|edge| {
        edge.guard(Slot::RateLimit, Writes("a"))
            .guard(Slot::Authorization, Writes("b"))
    });

    for edge in guards {
        let response = send(edge.build().unwrap().layer(own), ask("/")).await;
        let lines: Vec<_> = response.headers().get_all(LIST).iter().collect();
        assert_eq!(lines, ["a", "b"]);
        let ids: Vec<_> = response.headers().get_all("x-request-id").iter().collect();
        assert!(ids.len() == 1 && ids[0] != "own", "{ids:?}");
    }
}
