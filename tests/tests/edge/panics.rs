//! A panic costs one request, and tells its client nothing.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use portcullis_test::logged;
use portcullis_tests::net::{Client, Server, raw, request};
use tokio::time::sleep;

const SECRET: &str = "the password is 12345";

/// One chunk, and when that is sent a panic.
async fn panics_later() -> Body {
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first"))]);
    let later = stream::once(async {
        sleep(Duration::from_millis(50)).await;
        panic!("{SECRET}")
    });
    Body::from_stream(first.chain(later))
}

async fn panics() -> &'static str {
    if true {
        panic!("{SECRET}");
    }
    "never"
}

async fn slow() -> &'static str {
    sleep(Duration::from_millis(200)).await;
    "slow but whole"
}

async fn server() -> Server {
    let app = Router::new()
        .route("/fine", get(|| async { "fine" }))
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route("/panic-body", get(panics_later));
    let edge = portcullis_axum::edge().build().unwrap();
    Server::start(app.layer(edge)).await
}

#[tokio::test]
async fn a_handler_that_panics_is_a_500_and_the_connection_goes_on() {
    let server = server().await;
    for mut client in [
        Client::http1(server.address()).await,
        Client::http2(server.address()).await,
    ] {
        let answer = client.get("/panic").await;

        assert_eq!(answer.status, 500);
        assert!(!answer.text.contains("12345"), "{answer:?}");
        assert_eq!(client.get("/fine").await.text, "fine");
    }
}

#[tokio::test]
async fn a_body_that_panics_does_not_look_whole_on_http1() {
    let server = server().await;
    let head = b"GET /panic-body HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let seen = raw(server.address(), head).await;

    assert!(seen.starts_with("HTTP/1.1 200 OK"), "{seen}");
    assert!(seen.contains("first"), "{seen}");
    assert!(!seen.contains("0\r\n\r\n"), "{seen}");
    assert!(!seen.contains("12345"), "{seen}");
    let mut client = Client::http1(server.address()).await;
    assert_eq!(client.get("/fine").await.text, "fine");
}

#[tokio::test]
async fn a_body_that_panics_resets_its_stream_and_no_other_on_http2() {
    let server = server().await;
    let Client::Http2(sender) = Client::http2(server.address()).await else {
        unreachable!("it is HTTP/2");
    };
    let (mut one, mut other) = (sender.clone(), sender);

    let slow = tokio::spawn(async move { other.send_request(request("/slow", &[])).await });
    let broken = one.send_request(request("/panic-body", &[])).await.unwrap();
    let error = broken.into_body().collect().await.unwrap_err();
    assert!(error.to_string().contains("error"), "{error}");
    let whole = slow.await.unwrap().unwrap();
    let text = whole.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "slow but whole");
}

#[tokio::test]
async fn each_panic_is_logged_once_with_its_place_and_the_request_id() {
    let (lines, ids) = logged(async {
        let server = server().await;
        let mut client = Client::http1(server.address()).await;
        let first = client.get("/panic").await;
        let broken = client.send(request("/panic-body", &[])).await.unwrap();
        let second = broken.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(broken.into_body().collect().await.is_err());
        [first.header("x-request-id").to_owned(), second]
    })
    .await;

    let caught: Vec<_> = lines
        .lines()
        .filter(|line| line.contains("caught a panic"))
        .collect();
    assert_eq!(caught.len(), 2, "{lines}");
    for (line, id) in caught.iter().zip(ids) {
        assert!(line.contains(&format!("request_id={id}")), "{line}");
        assert!(line.contains("edge/panics.rs:"), "{line}");
    }
}
