mod law;
mod overload;
mod partitions;
mod properties;
mod queue;
mod signals;

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use http_body_util::BodyExt;
use portcullis_core::{Rejection, RejectionKind};
use portcullis_test::{Body, Chunks, Test, contract, echo, request, send, service};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

use super::{LoadShed, LoadShedLayer, adaptive::Adaptive, bounds::Bounds};
use crate::{Edge, Guard, Health};

contract!(
    LoadShedLayer::from(LoadShed::adaptive()),
    LoadShedLayer::off()
);

pub(super) fn shed(guard: &LoadShed) -> LoadShedLayer {
    LoadShedLayer::from(guard.clone())
}

fn hello() -> impl Test<Body> {
    service(|_| "hello".to_owned())
}

/// Answers with a body that has to be read.
fn streaming<B: Send + 'static>() -> impl Test<B, Chunks> {
    service_fn(|_: Request<B>| async { Ok(Response::new(Chunks::new([Ok("a"), Ok("b")]))) })
}

fn never() -> impl Test<Body> {
    service_fn(|_| std::future::pending::<Result<Response<Body>, Infallible>>())
}

#[tokio::test]
async fn what_is_more_than_the_limit_is_answered_at_once() {
    let service = shed(&LoadShed::fixed(1)).layer(hello());
    let first = send(service.clone(), request("/")).await;

    let second = send(service.clone(), request("/")).await;

    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 503)
    );
    let headers = second.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["cache-control"], "no-store");
    let kind = second.extensions().get().map(Rejection::kind);
    assert_eq!(kind, Some(RejectionKind::Overloaded));
    drop(first);
    assert_eq!(send(service, request("/")).await.status(), 200);
}

#[tokio::test]
async fn the_refused_come_back_at_different_times() {
    let service = shed(&LoadShed::fixed(0)).layer(hello());
    let mut after = Vec::new();
    for _ in 0..6 {
        let refused = send(service.clone(), request("/")).await;
        after.push(
            refused.headers()["retry-after"]
                .to_str()
                .unwrap()
                .to_owned(),
        );
    }

    after.sort();
    assert_eq!(after, ["1", "1", "2", "2", "3", "3"]);
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_last_byte() {
    let guard = LoadShed::fixed(1);
    let service = shed(&guard).layer(streaming());
    let mut body = send(service.clone(), request("/")).await.into_body();

    assert_eq!(send(service.clone(), request("/")).await.status(), 503);
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }

    assert_eq!(guard.in_flight(), 0);
    assert_eq!(send(service, request("/")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_cancelled_requests_give_their_places_back() {
    let guard = LoadShed::adaptive();
    let service = shed(&guard).layer(never());

    for _ in 0..100_000 {
        let mut waiting = Box::pin(service.clone().oneshot(request("/")));
        assert!(is_pending(&mut waiting).await);
    }

    assert_eq!(guard.in_flight(), 0);
    assert_eq!(guard.limit(), 128, "what is given up says nothing");
}

/// Polls once. Returns `true` if there is no answer.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}

async fn panics<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    panic!("an application that panics")
}

#[tokio::test]
async fn a_panic_gives_its_place_back() {
    let guard = LoadShed::adaptive();
    let edge = Edge::new().load_shed(guard.clone()).build().unwrap();

    let response = send(edge.layer(service_fn(panics)), request("/")).await;

    assert_eq!(response.status(), 500);
    drop(response);
    assert_eq!(guard.in_flight(), 0);
}

#[tokio::test]
async fn clones_and_services_share_one_count() {
    let guard = LoadShed::fixed(1);
    let (one, other) = (
        shed(&guard).layer(hello()),
        shed(&guard).layer(echo::<Body>()),
    );
    let first = send(one, request("/")).await;

    let second = send(other, request("/")).await;

    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 503)
    );
}

#[tokio::test]
async fn probes_of_an_edge_are_answered_while_everything_is_shed() {
    let health = Health::new();
    let edge = Edge::new().health(&health).load_shed(1).build().unwrap();
    let service = edge.layer(streaming());
    let kept = send(service.clone(), request("/")).await;

    assert_eq!(send(service.clone(), request("/")).await.status(), 503);
    assert_eq!(
        send(service.clone(), request("/health")).await.status(),
        200
    );
    drop(kept);
    assert_eq!(send(service, request("/")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_download_and_a_stream_are_not_latency() {
    let guard = LoadShed::adaptive().bounds(1, 4, 100).unwrap();
    let service = shed(&guard).layer(streaming());
    for _ in 0..100 {
        let mut kept = Vec::new();
        for _ in 0..4 {
            kept.push(send(service.clone(), request("/")).await);
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    assert!(guard.limit() >= 4, "{}", guard.limit());
}

#[tokio::test(start_paused = true)]
async fn what_it_does_now_is_described_and_counted() {
    let guard = LoadShed::fixed(1);
    let service = shed(&guard).layer(streaming());
    let _kept = send(service.clone(), request("/")).await;
    let waiting = timeout(Duration::from_millis(1), send(service, request("/")));
    assert_eq!(waiting.await.unwrap().status(), 503);

    let value = |name: &str| {
        let counts = Guard::counts(&guard);
        let found = counts.into_iter().find(|count| count.name == name);
        found.map(|count| count.value)
    };
    assert_eq!(guard.describe(), "1 at the same time");
    assert_eq!(value("portcullis_load_shed_limit"), Some(1));
    assert_eq!(value("portcullis_load_shed_in_flight"), Some(1));
    assert_eq!(value("portcullis_load_shed_refused"), Some(1));
    let adaptive = LoadShed::adaptive();
    let text = "128 at the same time now, between 4 and 10000 by latency";
    assert_eq!(adaptive.describe(), text);
}

#[test]
fn bounds_that_contradict_themselves_are_all_told() {
    let error = LoadShed::adaptive().bounds(0, 9, 8).unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
    let error = LoadShed::adaptive().bounds(9, 8, 7).unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
    assert!(LoadShed::fixed(8).bounds(1, 2, 3).is_err());
    assert!(Edge::new().load_shed(0).build().is_err());
    assert!(
        Edge::new()
            .load_shed(0)
            .load_shed(None::<LoadShed>)
            .build()
            .is_err()
    );
}

/// A service of four workers that take 20 ms, and always more requests than there may be.
fn lowered() -> (Adaptive, u64) {
    let adaptive = Adaptive::new(Bounds::default(), true);
    let mut now = 0_u64;
    while now < 30_000_000_000 {
        let limit = adaptive.limit();
        let latency = 5_000_000 * u64::from(limit);
        for _ in 0..20 {
            adaptive.note(limit);
            now += 5_000_000;
            adaptive.add(now.saturating_sub(latency), now);
        }
        adaptive.turn(now);
    }
    assert!(adaptive.limit() < 64, "{}", adaptive.limit());
    (adaptive, now)
}

#[test]
fn a_lowered_limit_is_back_in_two_seconds_where_few_ask_and_at_once_after_a_quiet_time() {
    let (adaptive, mut now) = lowered();
    for _ in 0..10 {
        now += 200_000_000;
        adaptive.note(1);
        adaptive.add(now - 1_000_000, now);
        adaptive.turn(now);
    }
    assert!(adaptive.limit() >= 128, "{}", adaptive.limit());

    let (adaptive, now) = lowered();
    adaptive.turn(now + 3_000_000_000);
    assert!(adaptive.limit() >= 128, "{}", adaptive.limit());
}

#[test]
fn of_a_window_the_first_requests_are_measured_and_then_a_part() {
    let adaptive = Adaptive::new(Bounds::default(), true);
    let measured = |count| (0..count).filter(|_| adaptive.measures_next()).count();

    assert_eq!((measured(64), measured(80)), (64, 10));
    adaptive.turn(2_000_000_000);
    assert_eq!(measured(64), 64);
    assert!(!Adaptive::new(Bounds::fixed(4), false).measures_next());
}
