//! The server stops in order, and by a deadline.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{net::SocketAddr, process::Command, time::Duration};

use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use portcullis::{
    Health, serve,
    serve::{Shutdown, Stopped},
};
use portcullis_tests::{
    clock,
    net::{Client, read},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, advance, pause, resume, sleep},
};

const GRACE: Duration = Duration::from_millis(1000);
const DRAIN: Duration = Duration::from_millis(1500);
const HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a timer is rounded up to.
const TICK: Duration = Duration::from_millis(1);

async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<Stopped>) {
    let health = Health::new().show_checks();
    let slow = || async {
        sleep(GRACE + Duration::from_millis(200)).await;
        "slow but whole"
    };
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/slow", get(slow))
        .route("/upload", post(|body: Bytes| async move { body }));
    let edge = portcullis_axum::edge().health(&health).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, app.layer(edge))
        .health(&health)
        .grace(GRACE)
        .drain(DRAIN)
        .header_timeout(HEADER_TIMEOUT)
        .shutdown_on(async { stopped.await.unwrap_or_default() });
    let task = tokio::spawn(async { server.await.unwrap() });
    (address, stop, task)
}

#[tokio::test]
async fn ready_turns_first_and_everything_is_served_for_the_grace_period() {
    let (address, stop, task) = start().await;
    let mut client = Client::http1(address).await;
    assert_eq!(client.get("/ready").await.status, 200);
    let mut other = Client::http1(address).await;
    let slow = tokio::spawn(async move { other.get("/slow").await });
    sleep(Duration::from_millis(50)).await;

    pause();
    let _held = clock::hold();
    stop.send(()).unwrap();
    advance(TICK).await;
    let ready = client.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("\"reason\":\"draining\""), "{ready:?}");
    assert_eq!(ready.headers["connection"], "close");
    let mut client = Client::http1(address).await;
    assert_eq!(client.get("/health").await.status, 200);
    assert_eq!(Client::http1(address).await.get("/").await.text, "ok");

    advance(GRACE + Duration::from_millis(200)).await;
    assert_eq!(slow.await.unwrap().text, "slow but whole");
    // Who has just been served may be about to ask again.
    advance(Duration::from_secs(1)).await;
    let stopped = task.await.unwrap();
    assert_eq!(stopped.cut(), 0, "{stopped}");
    assert!(stopped.ended() >= 2, "{stopped}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_by_itself_is_cut_at_the_deadline() {
    let (address, stop, task) = start().await;
    let mut stuck = Vec::new();
    let sent: [&[u8]; 3] = [
        b"",
        b"GET / HTTP/1.1\r\nhost: loc",
        b"POST /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc",
    ];
    for bytes in sent {
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(bytes).await.unwrap();
        stuck.push(io);
    }
    let mut idle = Client::http2(address).await;
    idle.get("/").await;
    sleep(Duration::from_millis(50)).await;

    pause();
    let started = Instant::now();
    stop.send(()).unwrap();
    let stopped = task.await.unwrap();
    let took = started.elapsed();
    assert!(took <= GRACE + DRAIN + 3 * TICK, "{took:?}: {stopped}");
    assert!(
        (1..=2).contains(&stopped.cut()),
        "the stalled upload is: {stopped}"
    );
    drop((stuck, idle));
}

#[tokio::test]
async fn a_client_that_says_nothing_or_half_a_head_is_closed() {
    let (address, _stop, _task) = start().await;
    pause();
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nhost: loc"] {
        let started = Instant::now();
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(bytes).await.unwrap();
        let mut seen = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut io, &mut seen).await;

        assert!(read.is_ok());
        assert!(started.elapsed() <= HEADER_TIMEOUT + TICK);
    }
    resume();
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(read(&mut io).await.ends_with("ok"));
}

/// The process is this one: nothing else listens to signals here.
#[tokio::test]
async fn a_signal_while_it_stops_is_the_second_also_where_a_future_was_the_first() {
    let app = Router::new().route("/endless", get(std::future::pending::<&str>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = Shutdown::new();
    let server = serve(listener, app)
        .shutdown(&shutdown)
        .drain(Duration::from_secs(600))
        .shutdown_on(async { stopped.await.unwrap_or_default() });
    let task = tokio::spawn(async { server.await.unwrap() });
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    // Long enough to be in flight: only then is there something to cut.
    sleep(Duration::from_millis(200)).await;

    stop.send(()).unwrap();
    shutdown.draining().await;
    let id = std::process::id().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status();
    assert!(status.unwrap().success());

    assert_eq!(task.await.unwrap().cut(), 1);
}
