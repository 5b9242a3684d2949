//! Requests that two servers could read differently, on real connections.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    routing::{any, get},
};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::Full;
use portcullis::{Health, hygiene::Hygiene};
use portcullis_prometheus::Metrics;
use portcullis_tests::net::{Client, Server, raw};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What RFC 9112 says a server MUST answer with 400, and the section.
const MUST: [(&str, &str, &str); 15] = [
    ("3.2", "no Host", "GET / HTTP/1.1\r\n"),
    (
        "3.2",
        "two Hosts",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
    ),
    (
        "3.2",
        "the same twice",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
    ),
    ("3.2", "a space", "GET / HTTP/1.1\r\nHost: a b\r\n"),
    ("3.2", "a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n"),
    ("3.2", "a user name", "GET / HTTP/1.1\r\nHost: me@a\r\n"),
    ("3.2", "two ports", "GET / HTTP/1.1\r\nHost: a:80:81\r\n"),
    ("3.2", "a list", "GET / HTTP/1.1\r\nHost: a, b\r\n"),
    ("3.2", "absolute, no Host", "GET http://a/ HTTP/1.1\r\n"),
    (
        "5.1",
        "a space before the colon",
        "GET / HTTP/1.1\r\nHost : a\r\n",
    ),
    (
        "5.2",
        "a folded line",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n",
    ),
    (
        "6.1",
        "an encoding on HTTP/1.0",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
    ),
    (
        "6.3",
        "an encoding that does not end with chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n",
    ),
    (
        "6.3",
        "lengths that differ",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
    ),
    (
        "6.3",
        "a length that is no number",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n",
    ),
];

/// An application that answers everything, below an edge that serves any host.
fn app() -> Router {
    edged(Hygiene::new())
}

fn edged(hygiene: Hygiene) -> Router {
    let edge = portcullis_axum::edge()
        .health(&Health::new())
        .hygiene(hygiene);
    let app = Router::new().fallback(any(|_: Body| async { "served" }));
    app.layer(edge.build().unwrap())
}

/// Sends a head, and returns the status of the answer and whether the connection was closed.
async fn ask(server: &Server, head: &str) -> (u16, bool) {
    // What is read as the next request, unless the connection is closed.
    let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = raw(server.address(), format!("{head}\r\n{next}").as_bytes()).await;
    let status = answers.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap(), answers.matches("HTTP/1.").count() == 1)
}

#[tokio::test]
async fn what_must_be_answered_with_400_is() {
    let server = Server::start(app()).await;
    for (section, what, head) in MUST {
        let (status, _) = ask(&server, head).await;
        assert_eq!(status, 400, "RFC 9112, section {section}: {what}");
    }
    let (status, _) = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn an_encoding_that_servers_read_differently_closes_the_connection() {
    let server = Server::start(app()).await;
    for encoding in [
        "xchunked",
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "identity, chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity\r\nTransfer-Encoding: chunked",
        "\x0bchunked",
        "chunked;a",
        "chunked,",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {encoding}\r\n");
        let answer = ask(&server, &(head + "\r\n0\r\n")).await;
        assert_eq!(answer, (400, true), "{encoding:?}");
    }
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n";
    assert_eq!(ask(&server, chunked).await, (200, false));
}

/// axum's own server, which is hyper as it is. `serve` looks at what comes before hyper.
async fn plain_axum(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A guard does not see both fields: hyper takes the length out, and closes the connection (RFC 9112,
/// section 6.3). The request that is hidden behind the chunks is never answered.
#[tokio::test]
async fn a_length_beside_an_encoding_closes_the_connection() {
    let has_length = any(|request: Request<Body>| async move {
        let has_length = request.headers().contains_key("content-length");
        format!("{} {has_length}", request.uri().path())
    });
    let edge = portcullis_axum::edge().build().unwrap();
    let app = Router::new().fallback(has_length).layer(edge);
    let served = Server::start(app.clone()).await;
    let plain = plain_axum(app).await;
    let both = ["Content-Length: 6", "Transfer-Encoding: chunked"];
    for [first, second] in [both, [both[1], both[0]]] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{first}\r\n{second}\r\n\r\n0\r\n");
        assert_eq!(ask(&served, &head).await, (400, true), "{first}");

        let hidden = format!("{head}\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
        let answers = raw(plain, hidden.as_bytes()).await;
        assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
        assert!(answers.ends_with("/ false"), "{answers}");
    }
}

/// Nor line ends, and what stands after a `#`: they are below a guard's sight.
#[tokio::test]
async fn what_the_parser_takes_out_is_not_seen() {
    let plain = plain_axum(app()).await;
    for unseen in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = raw(plain, unseen.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    let served = Server::start(app()).await;
    let bare = raw(served.address(), b"GET / HTTP/1.1\nHost: a\n\n").await;
    assert!(bare.starts_with("HTTP/1.1 400 "), "{bare}");
}

#[tokio::test]
async fn http10_needs_no_host() {
    let server = Server::start(app()).await;

    assert_eq!(ask(&server, "GET / HTTP/1.0\r\n").await, (200, true));
}

#[tokio::test]
async fn a_target_with_another_host_is_refused() {
    let server = Server::start(app()).await;
    for (status, target, host) in [
        (200, "http://a/", "a"),
        (200, "http://a/", "A:80"),
        (400, "http://b/", "a"),
        (400, "http://a:81/", "a"),
        (400, "http://me@a/", "a"),
        (400, "http://a/", ""),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
        assert_eq!(ask(&server, &head).await.0, status, "{target} {host:?}");
    }
}

async fn ask2(client: &mut Client, uri: &str, hosts: &[&str]) -> u16 {
    let request = Request::get(uri).version(Version::HTTP_2);
    let request = hosts
        .iter()
        .fold(request, |request, host| request.header("host", *host));
    let request = request.body(Full::<Bytes>::default()).unwrap();
    client.ask(request).await.status.as_u16()
}

#[tokio::test]
async fn the_authority_of_http2_and_the_host_agree() {
    let server = Server::start(app()).await;
    let mut client = Client::http2(server.address()).await;

    assert_eq!(ask2(&mut client, "http://a/", &[]).await, 200);
    assert_eq!(ask2(&mut client, "http://a/", &["A:80"]).await, 200);
    for hosts in [&["b"][..], &["a:81"], &["a", "a"], &["a b"], &[""]] {
        assert_eq!(
            ask2(&mut client, "http://a/", hosts).await,
            400,
            "{hosts:?}"
        );
    }
    assert_eq!(ask2(&mut client, "http://me@a/", &[]).await, 400);
}

/// Asks without an authority, which no client of a library leaves out: frames by hand (RFC 9113, section
/// 4.1), with a head of the static table's GET, `/` and http (RFC 7541, appendix A).
async fn get2(server: &Server, fields: &[(&str, &str)]) -> u16 {
    let mut head = vec![0x82, 0x84, 0x86];
    for text in fields
        .iter()
        .flat_map(|(name, value)| [(0, name), (1, value)])
    {
        head.extend((text.0 == 0).then_some(0));
        head.push(u8::try_from(text.1.len()).unwrap());
        head.extend(text.1.as_bytes());
    }
    let mut io = TcpStream::connect(server.address()).await.unwrap();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    sent.extend([0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    io.write_all(&[sent, head].concat()).await.unwrap();
    loop {
        let mut frame = [0; 9];
        io.read_exact(&mut frame).await.unwrap();
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        let mut payload = vec![0; length as usize];
        io.read_exact(&mut payload).await.unwrap();
        match (frame[3], payload.first()) {
            (1, Some(0x88)) => return 200,
            (1, Some(0x8c)) => return 400,
            (1, other) => panic!("{other:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn http2_without_an_authority_needs_a_host() {
    let server = Server::start(app()).await;
    for (fields, status) in [
        (&[][..], 400),
        (&[("host", "a")], 200),
        (&[("host", "a@b")], 400),
    ] {
        assert_eq!(get2(&server, fields).await, status);
    }
}

#[tokio::test]
async fn a_refusal_has_an_id_and_headers_is_counted_and_repeats_nothing() {
    let metrics = Metrics::new();
    let hygiene = Hygiene::new().hosts(["example.com"]).unwrap();
    let edge = portcullis_axum::edge()
        .hygiene(hygiene)
        .observe(metrics.clone());
    let app = Router::new().route("/", get(|| async { "served" }));
    let server = Server::start(app.layer(edge.build().unwrap())).await;
    for (head, slug) in [
        ("GET /MARK HTTP/1.1\r\nHost: MARK MARK\r\n", "malformed"),
        (
            "MARK /MARK HTTP/1.1\r\nHost: example.com\r\n",
            "method-not-allowed",
        ),
        (
            "GET /MARK HTTP/1.1\r\nHost: MARK.example\r\n",
            "misdirected",
        ),
    ] {
        let answer = raw(server.address(), format!("{head}\r\n").as_bytes()).await;
        assert!(
            answer.contains("content-type: application/problem+json"),
            "{answer}"
        );
        assert!(answer.contains("x-request-id: "), "{answer}");
        assert!(
            answer.contains("x-content-type-options: nosniff"),
            "{answer}"
        );
        assert!(
            answer.contains(&format!("urn:portcullis:problem:{slug}")),
            "{answer}"
        );
        assert_eq!(
            answer.contains("allow: GET, HEAD, "),
            slug.starts_with("method"),
            "{answer}"
        );
        assert!(!answer.to_lowercase().contains("mark"), "{answer}");
        let labels = format!("layer=\"hygiene\",reason=\"{slug}\",policy=\"\"");
        let line = format!("portcullis_rejections_total{{{labels}}} 1");
        assert!(metrics.encode().contains(&line), "{}", metrics.encode());
    }
}

#[tokio::test]
async fn trace_and_connect_are_refused_on_both_protocols() {
    let server = Server::start(app()).await;
    assert_eq!(
        ask(&server, "TRACE / HTTP/1.1\r\nHost: a\r\n").await,
        (405, false)
    );
    let connect = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n";
    assert_eq!(ask(&server, connect).await.0, 405);
    let mut client = Client::http2(server.address()).await;
    let trace = Request::builder().method("TRACE").uri("http://a/");
    let answer = client.ask(trace.body(Full::default()).unwrap()).await;
    assert_eq!(answer.status, 405);
    assert_eq!(
        answer.header("allow"),
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    );
    let connect = Request::builder().method("CONNECT").uri("b:443");
    let answer = client.ask(connect.body(Full::default()).unwrap()).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn probes_with_the_address_of_the_server_are_answered_where_hosts_are_listed() {
    let hygiene = Hygiene::new().hosts(["example.com"]).unwrap();
    let server = Server::start(edged(hygiene)).await;
    let host = server.address();
    for (path, status) in [("/health", 200), ("/ready", 200), ("/", 421), ("/%00", 421)] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
        assert_eq!(ask(&server, &head).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn the_application_sees_no_field_that_it_could_mistake() {
    let names = any(|request: Request<Body>| async move {
        let names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        names.join(" ")
    });
    let edge = portcullis_axum::edge().build().unwrap();
    let server = Server::start(Router::new().fallback(names).layer(edge)).await;
    let head =
        "GET / HTTP/1.1\r\nHost: a\r\nX_Api_Key: 1\r\nX-Original-URL: /admin\r\nA: b\r\n\r\n";

    let answer = raw(server.address(), head.as_bytes()).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(matches!(body, "a host" | "host a"), "{body}");
}
