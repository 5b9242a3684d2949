//! What the parser refuses is answered as the edge answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use axum::{Router, routing::get};
use portcullis::serve;
use portcullis_prometheus::Metrics;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server, and where it listens.
async fn start(metrics: &Metrics) -> SocketAddr {
    let edge = portcullis_axum::edge().observe(metrics.clone());
    let edge = edge.build().unwrap();
    let app = Router::new().route("/", get(|| async { "ok" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, app.layer(edge.clone())).edge(&edge);
    tokio::spawn(server.into_future());
    address
}

/// Requests that hyper can't parse, with the status and the problem that they get.
fn unparsable() -> Vec<(Vec<u8>, u16, &'static str)> {
    let long = "a".repeat(300_000);
    let of = |text: &str, status, slug| (text.as_bytes().to_vec(), status, slug);
    vec![
        of("GET / HTTP/9.9\r\nhost: a\r\n\r\n", 400, "malformed"),
        of(
            "GET / HTTP/1.1\r\nhost: a\r\na b: c\r\n\r\n",
            400,
            "malformed",
        ),
        of("GET / HTTP/1.1\nhost: a\n\n", 400, "malformed"),
        of(
            &format!("GET /{long} HTTP/1.1\r\n\r\n"),
            431,
            "headers-too-large",
        ),
        of(
            &format!("GET / HTTP/1.1\r\nx: {long}\r\n\r\n"),
            431,
            "headers-too-large",
        ),
    ]
}

#[tokio::test]
async fn a_refusal_has_headers_an_id_and_a_problem_is_counted_and_read() {
    let metrics = Metrics::new();
    let address = start(&metrics).await;
    for (request, status, slug) in unparsable() {
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(&request).await.unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.unwrap();

        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{answer}");
        let problem = format!("\"type\":\"urn:portcullis:problem:{slug}\"");
        let parts = [
            "x-request-id: ",
            "x-content-type-options: nosniff",
            "connection: close",
        ];
        for part in parts.into_iter().chain([&*problem]) {
            assert!(answer.contains(part), "{part}: {answer}");
        }
    }
    let page = metrics.encode();
    for count in [
        "portcullis_rejections_total{layer=\"server\",reason=\"malformed\",policy=\"\"} 3",
        "portcullis_rejections_total{layer=\"server\",reason=\"headers-too-large\",policy=\"\"} 2",
        "http_request_method=\"_OTHER\"",
    ] {
        assert!(page.contains(count), "{count}: {page}");
    }
}
