//! Over sockets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

#[tokio::test]
async fn a_connection_is_a_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(
        state(Check::tcp("db", &address).unwrap()).await.0,
        State::Ok
    );

    drop(listener);
    let (found, reason) = state(Check::tcp("db", &address).unwrap()).await;
    assert_eq!(found, State::Failing);
    assert!(reason.contains("refused"), "{reason}");
    for wrong in [
        "",
        "db",
        "db:",
        ":1",
        "db:0",
        "db:65536",
        "user@db:1",
        "http://db:1",
        "db:1/x",
    ] {
        assert!(Check::tcp("db", wrong).is_err(), "{wrong}");
    }
}

/// Answers each connection with bytes, and counts them.
async fn answering(bytes: impl Into<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (bytes, asked) = (bytes.into(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut io, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let read = io.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"GET /up?x=1 HTTP/1.1\r\nhost: 127.0.0.1:"));
            counted.fetch_add(1, Relaxed);
            let _ = io.write_all(&bytes).await;
            if bytes.is_empty() {
                std::future::pending::<()>().await;
            }
        }
    });
    (format!("http://{address}/up?x=1"), asked)
}

#[tokio::test]
async fn a_request_is_a_check_whose_status_is_2xx() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    for (answer, expected, why) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", State::Ok, ""),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nnever",
            State::Ok,
            "",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            State::Ok,
            "",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            State::Failing,
            "503",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n",
            State::Failing,
            "302",
        ),
        ("SSH-2.0-x\r\n", State::Failing, "invalid"),
        (&long, State::Failing, "too large"),
        ("", State::TimedOut, "1s"),
    ] {
        let (url, asked) = answering(answer).await;
        let (found, reason) = state(Check::http_get("api", &url).unwrap()).await;
        assert_eq!(found, expected, "{answer:.30}: {reason}");
        assert!(reason.contains(why), "{reason}");
        assert_eq!(asked.load(Relaxed), 1, "no redirect is followed");
    }
    for wrong in [
        "",
        "/up",
        "api",
        "https://api/",
        "ftp://api/",
        "http://u:p@api/",
        "http:///up",
    ] {
        assert!(Check::http_get("api", wrong).is_err(), "{wrong}");
    }
}
