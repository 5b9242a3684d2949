//! A client on a real socket can read why its body is refused.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{future::pending, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, routing::post};
use http::request;
use http_body_util::{BodyExt, Full};
use portcullis::{
    Guard, RejectionKind, Reply, Slot, Verdict, api_key::Keys, body_limit::BodyLimit,
};
use portcullis_tests::net::{Client, Server, raw, read};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

const LARGE: usize = 8 << 20;

/// Swallows the body's error, and never answers then.
async fn swallow(body: Body) -> &'static str {
    if body.collect().await.is_err() {
        pending::<()>().await;
    }
    "read\n"
}

fn app() -> Router {
    let edge = portcullis_axum::edge().body_limit(1000).build().unwrap();
    Router::new().route("/", post(swallow)).layer(edge)
}

fn declared(length: usize, more: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{more}\r\n").into()
}

fn chunked() -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    (head.to_owned() + &chunk.repeat(64)).into()
}

/// A server without `serve`: axum's own.
async fn plain_axum() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });
    address
}

#[track_caller]
fn assert_refused(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"status\":413"), "{answer}");
    assert!(
        answer.contains("at most 1000 bytes are allowed"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_writes_everything_first_reads_the_whole_answer() {
    let server = Server::start(app()).await;
    for address in [server.address(), plain_axum().await] {
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(&declared(LARGE, "")).await.unwrap();
        io.write_all(&vec![b'x'; LARGE]).await.unwrap();

        assert_refused(&read(&mut io).await);
    }
}

/// A client reads why, whoever refuses what it sends.
#[tokio::test]
async fn an_upload_that_is_refused_for_its_key_or_its_quota_is_answered() {
    let edge = || portcullis_axum::edge().body_limit(LARGE);
    let closed = edge().api_keys(Keys::default());
    let spent = edge().guard(Slot::RateLimit, Spent);
    for (edge, status) in [(closed, 401), (spent, 429)] {
        let app = Router::new()
            .route("/", post(swallow))
            .layer(edge.build().unwrap());
        let server = Server::start(app).await;
        let mut io = TcpStream::connect(server.address()).await.unwrap();
        io.write_all(&declared(LARGE, "")).await.unwrap();
        io.write_all(&vec![b'x'; LARGE]).await.unwrap();

        let answer = read(&mut io).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(&format!("\"status\":{status}")), "{answer}");
    }
}

struct Spent;

impl Guard for Spent {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        RejectionKind::RateLimited.into()
    }
}

/// Who is refused in the middle of an upload holds its place as long as the upload is read.
#[tokio::test]
async fn an_upload_that_is_refused_takes_a_place_in_flight() {
    let edge = portcullis_axum::edge()
        .in_flight(1)
        .api_keys(Keys::default())
        .build()
        .unwrap();
    let server = Server::start(Router::new().route("/", post(swallow)).layer(edge)).await;
    let mut io = TcpStream::connect(server.address()).await.unwrap();
    io.write_all(&declared(1000, "")).await.unwrap();
    io.write_all(b"some").await.unwrap();
    let mut first = [0; 12];
    io.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 401");

    assert!(
        raw(server.address(), &declared(0, ""))
            .await
            .starts_with("HTTP/1.1 429 ")
    );
    drop(io);
    let mut answer = raw(server.address(), &declared(0, "")).await;
    for _ in 0..100 {
        if answer.starts_with("HTTP/1.1 401 ") {
            return;
        }
        sleep(Duration::from_millis(10)).await;
        answer = raw(server.address(), &declared(0, "")).await;
    }
    panic!("the place is never free: {answer}");
}

#[tokio::test]
async fn a_chunked_body_is_answered_whatever_the_handler_does() {
    let server = Server::start(app()).await;
    for address in [server.address(), plain_axum().await] {
        assert_refused(&raw(address, &chunked()).await);
    }
}

#[tokio::test]
async fn who_expects_an_answer_first_gets_it_and_no_100() {
    let server = Server::start(app()).await;
    let answer = raw(
        server.address(),
        &declared(LARGE, "expect: 100-continue\r\n"),
    )
    .await;

    assert_refused(&answer);
    assert!(!answer.contains("100 Continue"), "{answer}");
    let small = declared(3, "expect: 100-continue\r\n");
    let mut io = TcpStream::connect(server.address()).await.unwrap();
    io.write_all(&small).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    io.write_all(b"abc").await.unwrap();
    let answer = read(&mut io).await;
    assert!(answer.starts_with("HTTP/1.1 100 Continue"), "{answer}");
    assert!(answer.ends_with("read\n"), "{answer}");
}

/// RFC 9110, section 10.1.1: who is refused is not told to go on.
#[tokio::test]
async fn whatever_is_refused_is_refused_before_a_100() {
    let edge = portcullis_axum::edge;
    let json = BodyLimit::new(1000).content_types(["application/json"]);
    let text = "content-type: text/plain\r\n";
    for (status, edge, more) in [
        (400, edge(), "host: two\r\n"),
        (401, edge().api_keys(Keys::default()), ""),
        (413, edge().body_limit(2), ""),
        (415, edge().body_limit(json.unwrap()), text),
        (417, edge(), "expect: much\r\n"),
        (429, edge().guard(Slot::RateLimit, Spent), ""),
    ] {
        let app = Router::new().route("/", post(swallow));
        let server = Server::start(app.layer(edge.build().unwrap())).await;
        let head = declared(3, &format!("{more}expect: 100-continue\r\n"));

        let answer = raw(server.address(), &head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn the_connection_can_be_used_again_once_the_body_is_read() {
    let server = Server::start(app()).await;
    let mut two = declared(2000, "");
    two.extend(vec![b'x'; 2000]);
    two.extend(declared(3, ""));
    two.extend(b"abc");
    let answers = raw(server.address(), &two).await;

    assert_refused(&answers);
    assert!(answers.ends_with("read\n"), "{answers}");
}

#[tokio::test]
async fn http2_too() {
    let server = Server::start(app()).await;
    let mut client = Client::http2(server.address()).await;
    let large = Full::from(vec![b'x'; LARGE]);
    let request = http::Request::post("http://localhost/")
        .body(large)
        .unwrap();
    let answer = client.ask(request).await;

    assert_eq!(answer.status, 413);
    assert!(answer.text.contains("at most 1000 bytes are allowed"));
    let small = http::Request::post("http://localhost/")
        .body(Full::from("abc"))
        .unwrap();
    assert_eq!(client.ask(small).await.text, "read\n");
}
