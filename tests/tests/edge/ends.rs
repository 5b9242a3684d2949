//! How exchanges end over a connection, and how many bytes they were.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    routing::{any, get},
};
use http::request;
use portcullis::{
    Guard, Outcome, Quota, Reply, Slot, Verdict,
    rate_limit::{KeyBy, Policy, RateLimit},
};
use portcullis_tests::net::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Hears of ends: the bytes of both bodies, and the outcome.
#[derive(Clone, Default)]
pub(crate) struct Ends(pub(crate) Arc<Mutex<Vec<(u64, u64, Outcome)>>>);

impl Guard for Ends {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let ends = Arc::clone(&self.0);
        reply.on_end(move |ended| {
            let end = (ended.request_bytes, ended.response_bytes, ended.outcome);
            ends.lock().unwrap().push(end);
        });
        Verdict::Admit
    }
}

async fn raw(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read])
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn declared_bytes_starve_nobody() {
    let policy = Policy::new("all", Quota::per_minute(1_000_000))
        .content_bytes()
        .by(KeyBy::global());
    let edge = portcullis_axum::edge()
        .rate_limit(RateLimit::try_new([policy]).unwrap())
        .body_limit(1000_u64)
        .build()
        .unwrap();
    let server = Server::start(
        Router::new()
            .route("/", any(|| async { "hello" }))
            .layer(edge),
    )
    .await;
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert!(raw(&server, get).await.contains("200"));
    let huge = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n";
    for _ in 0..2 {
        assert!(raw(&server, huge).await.contains("413"));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(
        raw(&server, get).await,
        "HTTP/1.1 200 OK",
        "100 bytes were sent"
    );
}

#[tokio::test]
async fn a_head_request_ends_complete() {
    let ends = Ends::default();
    let edge = portcullis_axum::edge()
        .guard(Slot::RateLimit, ends.clone())
        .build()
        .unwrap();
    let routes = Router::new()
        .route("/", any(|| async { Body::from("hello") }))
        .layer(edge);
    let server = Server::start(routes).await;
    assert!(
        raw(&server, "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .contains("200")
    );
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let ended = ends.0.lock().unwrap().clone();
    assert_eq!(ended, [(0, 0, Outcome::Complete)]);
}

#[tokio::test]
async fn a_304_ends_complete() {
    let ends = Ends::default();
    let edge = portcullis_axum::edge()
        .guard(Slot::RateLimit, ends.clone())
        .build()
        .unwrap();
    let not_modified = || async { (http::StatusCode::NOT_MODIFIED, "hello") };
    let server = Server::start(Router::new().route("/", get(not_modified)).layer(edge)).await;
    assert!(
        raw(&server, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .contains("304")
    );
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let ended = ends.0.lock().unwrap().clone();
    assert_eq!(ended, [(0, 0, Outcome::Complete)]);
}
