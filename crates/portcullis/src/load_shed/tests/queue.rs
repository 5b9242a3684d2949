use std::time::Duration;

use http::Response;
use portcullis_test::{Body, request, send, service};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, sleep},
};
use tower::Layer;

use super::shed;
use crate::{edge::EdgeBody, load_shed::LoadShed};

type Answer = Response<EdgeBody<Body>>;

/// Sends a request. Its place is kept as long as its answer.
fn start(guard: &LoadShed) -> JoinHandle<Answer> {
    let service = shed(guard).layer(service(|_| "served".to_owned()));
    tokio::spawn(send(service, request("/")))
}

async fn started(guard: &LoadShed) -> JoinHandle<Answer> {
    let task = start(guard);
    yield_now().await;
    task
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_the_place_that_comes_back() {
    let guard = LoadShed::fixed(1).queue(8);
    let first = start(&guard).await.unwrap();
    let second = started(&guard).await;

    sleep(Duration::from_millis(3)).await;
    drop(first);

    assert_eq!(second.await.unwrap().status(), 200);
    assert_eq!(guard.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_refused() {
    let guard = LoadShed::fixed(1).queue(8);
    let _first = start(&guard).await.unwrap();
    let begin = Instant::now();

    let second = start(&guard).await.unwrap();

    assert_eq!(second.status(), 503);
    let waited = begin.elapsed();
    let fine = Duration::from_millis(5)..=Duration::from_millis(6);
    assert!(fine.contains(&waited), "{waited:?}");
    assert_eq!(guard.in_flight(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_stands_gets_shorter() {
    let guard = LoadShed::fixed(1).queue(8);
    let _first = start(&guard).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..110 {
        waiting.push(started(&guard).await);
        sleep(Duration::from_millis(1)).await;
    }
    let begin = Instant::now();

    assert_eq!(start(&guard).await.unwrap().status(), 503);

    assert!(begin.elapsed() <= Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn the_last_is_served_first_and_the_oldest_leaves_a_full_queue() {
    let guard = LoadShed::fixed(1).queue(2);
    let first = start(&guard).await.unwrap();
    let oldest = started(&guard).await;
    let (second, last) = (started(&guard).await, started(&guard).await);
    assert_eq!(oldest.await.unwrap().status(), 503);

    drop(first);
    let last = last.await.unwrap();
    assert_eq!((last.status().as_u16(), second.is_finished()), (200, false));
    drop(last);

    assert_eq!(second.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_it_waits_takes_no_place() {
    let guard = LoadShed::fixed(1).queue(8);
    let first = start(&guard).await.unwrap();
    let (second, third) = (started(&guard).await, started(&guard).await);
    third.abort();
    yield_now().await;

    drop(first);

    assert_eq!(second.await.unwrap().status(), 200);
    assert_eq!(guard.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_handed_to_who_is_gone_comes_back() {
    let guard = LoadShed::fixed(1).queue(8);
    for _ in 0..100 {
        let first = start(&guard).await.unwrap();
        let second = started(&guard).await;
        drop(first);
        second.abort();
        yield_now().await;
    }

    yield_now().await;
    assert_eq!(guard.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_goes_to_the_last_whose_partition_has_room_for_it() {
    let is =
        |start: &'static str| move |head: &http::request::Parts| head.uri.path().starts_with(start);
    let guard = LoadShed::fixed(4).partition("a", 0.5, is("/a"));
    let guard = guard.and_then(|guard| guard.partition("b", 0.5, is("/b")));
    let guard = guard.unwrap().queue(8);
    let start = |path: &'static str| {
        let service = shed(&guard).layer(service(|_| "served".to_owned()));
        tokio::spawn(send(service, request(path)))
    };
    let mut held = Vec::new();
    for path in ["/b", "/b", "/b", "/a", "/a"] {
        held.push(start(path).await.unwrap());
    }
    let third = start("/a");
    yield_now().await;
    let fourth = start("/b");
    yield_now().await;
    held.pop();

    assert_eq!(third.await.unwrap().status(), 200);
    assert_eq!(fourth.await.unwrap().status(), 503);
}
