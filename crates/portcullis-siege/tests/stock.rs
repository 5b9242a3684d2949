//! Servers as they come. What the siege finds in their framing is repeated here over a plain socket,
//! without anything of the siege's: there the harm is seen.

#![expect(clippy::unwrap_used, reason = "a test that can't begin has failed")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use portcullis_siege::Profile;

use crate::running::Running;

#[path = "support/running.rs"]
mod running;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("gallery/stock")
        .join(name)
}

fn go() -> Running {
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap().join("stock-go");
    let done = Command::new("go")
        .args(["build", "-o"])
        .args([&built, &file("main.go")])
        .output();
    let done = done.unwrap_or_else(|_| panic!("go is not installed: apt-get install golang-go"));
    assert!(done.status.success(), "{done:?}");
    Running::start(&mut Command::new(built))
}

fn node() -> Running {
    Running::start(Command::new("node").arg(file("server.js")))
}

/// Sends bytes. Returns how many answers with 200 come within a second.
fn served(server: &Running, bytes: &str) -> usize {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut received = Vec::new();
    // A connection that stays open ends with the time.
    let _ = stream.read_to_end(&mut received);
    String::from_utf8_lossy(&received)
        .matches("HTTP/1.1 200 ")
        .count()
}

async fn is_breached(server: &Running, id: &str) -> bool {
    let profile = Profile::parse("routes.control = '/'\nroutes.body = '/'").unwrap();
    let report = server.siege(profile, &[id]).await;
    !report.is_held()
}

/// RFC 9112, 6.1: after a message of two lengths the connection must be closed.
#[tokio::test]
async fn net_http_serves_what_is_hidden_behind_two_lengths() {
    let server = go();
    let two = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
               0\r\n\r\n";
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    // By its length the first request ends before the chunk's last line: what follows is part of it.
    assert_eq!(served(&server, &[two, hidden].concat()), 2);
    assert_eq!(served(&server, &[hidden, two, hidden].concat()), 3);

    for id in ["A01", "A02", "A34"] {
        assert!(is_breached(&server, id).await, "{id}");
    }
}

/// RFC 9112, 3.2: a request with more than one Host must be refused.
#[tokio::test]
async fn node_serves_two_hosts() {
    let server = node();
    let bytes = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";

    assert_eq!(served(&server, bytes), 1);
    assert!(is_breached(&server, "A12").await);
}

/// What these do right is not found either.
#[tokio::test]
async fn what_shows_no_harm_is_not_found() {
    let (node, go) = (node(), go());
    let two = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
               0\r\n\r\n";
    assert_eq!(served(&node, two), 0);
    assert!(!is_breached(&node, "A01").await);
    assert!(!is_breached(&node, "A34").await);
    let twice = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    assert_eq!(served(&go, twice), 0);
    assert!(!is_breached(&go, "A12").await);
}
