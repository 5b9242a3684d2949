//! A signed body over real connections: with its length, in chunks, when it is asked for, and by HTTP/2.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fmt::Write, net::SocketAddr};

use axum::{Router, body::Bytes, routing::post};
use http::{Request, request};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::{
    Principal, Slot, serve,
    signature::{SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const BODY: &str = "{\"to\": \"bob\"}";
const OTHER: &str = "{\"to\": \"eve\"}";

fn key() -> SigningKey {
    SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2").unwrap()
}

/// An axum app behind an edge: its handler reads all of the body before it answers.
async fn start() -> SocketAddr {
    let keys = SignatureKeys::new().and("key-1", key().verifying_key(Principal::new("alice")));
    let guard = SignatureGuard::try_new(keys, SignaturePolicy::new()).unwrap();
    let edge = portcullis_axum::edge().guard(Slot::Authentication, guard);
    let edge = edge.build().unwrap();
    let api = Router::new().route("/orders", post(async |body: Bytes| body));
    let app = Router::new().nest("/api", api).layer(edge.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app).edge(&edge).into_future());
    address
}

/// The head of a request whose body is signed.
fn head(address: SocketAddr) -> request::Parts {
    let target = format!("http://{address}/api/orders?id=7");
    let (mut head, ()) = Request::post(target).body(()).unwrap().into_parts();
    let signer = Signer::try_new("key-1", key()).unwrap();
    signer.sign(&mut head, Some(BODY.as_bytes())).unwrap();
    head
}

/// Sends a request as it is written, and returns the last answer's status and what follows it.
async fn send(address: SocketAddr, framing: &str, body: &str) -> String {
    let mut text = format!(
        "POST /api/orders?id=7 HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{framing}"
    );
    for (name, value) in &head(address).headers {
        write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(format!("{text}\r\n").as_bytes())
        .await
        .unwrap();
    io.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer
        .trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n")
        .to_owned()
}

#[tokio::test]
async fn g12_whichever_way_a_body_is_framed_it_is_the_one_that_was_signed() {
    let address = start().await;
    let chunked = |body: &str| {
        let (first, rest) = body.split_at(4);
        format!("4\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len())
    };
    let length = format!("content-length: {}\r\n", BODY.len());
    let expects = format!("{length}expect: 100-continue\r\n");
    for (body, expected) in [(BODY, "200"), (OTHER, "401")] {
        for (framing, sent) in [
            (&*length, body.to_owned()),
            (&*expects, body.to_owned()),
            ("transfer-encoding: chunked\r\n", chunked(body)),
        ] {
            let answer = send(address, framing, &sent).await;
            let status = answer.split(' ').nth(1);
            assert_eq!(status, Some(expected), "{framing}: {answer}");
            assert!(!answer.contains(OTHER), "{answer}");
        }
    }
    let truncated = send(
        address,
        "transfer-encoding: chunked\r\n",
        "4\r\n{\"to\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(truncated.split(' ').nth(1), Some("401"), "{truncated}");
}

#[tokio::test]
async fn g12_by_http_2_too() {
    let address = start().await;
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    for (body, expected) in [(BODY, 200), (OTHER, 401)] {
        let pieces = body.as_bytes().chunks(5).map(|piece| {
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(piece)))
        });
        let pieces = futures_util::stream::iter(pieces.collect::<Vec<_>>());
        let request = Request::from_parts(head(address), StreamBody::new(pieces));
        let response = client.send_request(request).await.unwrap();
        let status = response.status();
        let read = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            (status.as_u16(), &*read == BODY.as_bytes()),
            (expected, expected == 200)
        );
    }
}
