//! What the parser refuses is answered as the edge answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::{Router, routing::get};
use portcullis::serve;
use portcullis_prometheus::Metrics;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn a_refusal_has_headers_an_id_and_a_problem_is_counted_and_read() {
    let metrics = Metrics::new();
    let edge = portcullis_axum::edge().observe(metrics.clone());
    let edge = edge.build().unwrap();
    let app = Router::new().route("/", get(|| async { "ok" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, app.layer(edge.clone())).edge(&edge);
    tokio::spawn(server.into_future());

    let long_uri = [
        b"GET /",
        &b"a".repeat(300_000)[..],
        b" HTTP/1.1\r\nhost: a\r\n\r\n",
    ]
    .concat();
    let long_field = [
        b"GET / HTTP/1.1\r\nhost: a\r\nx: ",
        &b"a".repeat(300_000)[..],
        b"\r\n\r\n",
    ]
    .concat();
    for (request, status, slug) in [
        (&b"GET / HTTP/9.9\r\nhost: a\r\n\r\n"[..], 400, "malformed"),
        (
            b"GET / HTTP/1.1\r\nhost: a\r\na b: c\r\n\r\n",
            400,
            "malformed",
        ),
        (b"GET / HTTP/1.1\nhost: a\n\n", 400, "malformed"),
        (&long_uri, 431, "headers-too-large"),
        (&long_field, 431, "headers-too-large"),
    ] {
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(request).await.unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.unwrap();

        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        for part in [
            "x-request-id: ",
            "x-content-type-options: nosniff",
            "connection: close",
        ] {
            assert!(answer.contains(part), "{part}: {answer}");
        }
        let problem = format!("\"type\":\"urn:portcullis:problem:{slug}\"");
        assert!(answer.contains(&problem), "{answer}");
    }
    let page = metrics.encode();
    for count in [
        "portcullis_rejections_total{reason=\"malformed\"} 3",
        "portcullis_rejections_total{reason=\"headers-too-large\"} 2",
    ] {
        assert!(page.contains(count), "{count}: {page}");
    }
    assert!(page.contains("http_request_method=\"_OTHER\""), "{page}");
}
