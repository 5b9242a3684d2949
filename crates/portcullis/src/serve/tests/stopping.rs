//! How connections end when the server does.

use std::future::IntoFuture;

use portcullis_test::{logged, request};
use tower::{Layer, ServiceExt};

use super::*;
use crate::{Edge, access_log::AccessLog, body_limit::RequestBody, serve::Shutdown};

/// A server that is told to stop by the handle, over pipes that are given to it.
struct Stopping {
    shutdown: Shutdown,
    connections: App,
    stopped: JoinHandle<crate::serve::Stopped>,
}

fn stopping(drain: Duration) -> Stopping {
    let shutdown = Shutdown::new();
    let server = server().shutdown(&shutdown).drain(drain);
    let connections = server.connections();
    let asked = shutdown.clone();
    let server = server
        .accept_loop(|_| std::future::pending())
        .shutdown_on(async move { asked.begun().await });
    Stopping {
        shutdown,
        connections,
        stopped: tokio::spawn(async { server.await.unwrap() }),
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_stops_at_once() {
    let stopping = stopping(20 * SECOND);
    let began = Instant::now();
    stopping.shutdown.begin();
    let stopped = stopping.stopped.await.unwrap();

    assert_took(began.elapsed(), Duration::ZERO);
    assert_eq!((stopped.ended(), stopped.cut()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_has_just_been_served_may_ask_once_more_and_is_told() {
    let stopping = stopping(20 * SECOND);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut client = Client::sending(&stopping.connections, request).await;
    client.read_until(b"ok").await;
    stopping.shutdown.begin();
    tokio::time::sleep(SECOND / 2).await;

    client.io.write_all(request).await.unwrap();
    let (seen, _) = client.read_to_end().await;
    let seen = String::from_utf8(seen).unwrap();
    assert!(
        seen.contains("connection: close") && seen.ends_with("ok"),
        "{seen}"
    );
    let stopped = stopping.stopped.await.unwrap();
    assert_eq!((stopped.ended(), stopped.cut()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_may_be_asked_for_a_second_and_a_response_is_read_to_its_end() {
    let stopping = stopping(20 * SECOND);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut idle = Client::sending(&stopping.connections, request).await;
    idle.read_until(b"ok").await;
    let settings = frame(4, 0, 0, &[&[0, 4][..], &1000_u32.to_be_bytes()].concat());
    let preface = &crate::serve::wire::PREFACE[..];
    let asked = [preface, &settings, &get(1, "/fifteen")].concat();
    let mut slow = Client::sending(&stopping.connections, &asked).await;
    tokio::time::sleep(5 * SECOND).await;
    stopping.shutdown.begin();
    tokio::time::sleep(SECOND / 10).await;

    idle.io.write_all(request).await.unwrap();
    assert!(idle.read_to_end().await.0.ends_with(b"ok"));
    let mut left = 15_000;
    while left > 0 {
        left -= hostile::read_frame(&mut slow, 0).await.payload.len();
        tokio::time::sleep(SECOND / 2).await;
        let window = frame(8, 0, 1, &1000_u32.to_be_bytes());
        slow.io.write_all(&window).await.unwrap();
    }
    let stopped = stopping.stopped.await.unwrap();
    assert_eq!((stopped.ended(), stopped.cut()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_at_the_deadline_and_counted() {
    let stopping = stopping(20 * SECOND);
    let slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let slow = Client::sending(&stopping.connections, slow).await;
    tokio::time::sleep(45 * SECOND).await;
    let http1 = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
    let http2 = [hello(), get(1, "/endless")].concat();
    let _stuck = [
        Client::sending(&stopping.connections, http1).await,
        Client::sending(&stopping.connections, &http2).await,
    ];
    tokio::time::sleep(SECOND).await;
    let began = Instant::now();
    stopping.shutdown.begin();
    let stopped = stopping.stopped.await.unwrap();

    assert_took(began.elapsed(), 20 * SECOND);
    assert_eq!((stopped.ended(), stopped.cut()), (1, 2));
    assert!(slow.read_to_end().await.0.ends_with(b"slow"));
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_learns_of_the_drain_and_is_cut_and_counted() {
    for heeds in [true, false] {
        let shutdown = Shutdown::new();
        let draining = shutdown.clone();
        let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
        let app = service_fn(move |mut req: Request<Incoming>| {
            let (draining, ended) = (draining.clone(), ended.clone());
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(&mut req).await.unwrap();
                let mut io = hyper_util::rt::TokioIo::new(upgraded);
                let mut bytes = [0; 16];
                if heeds {
                    draining.draining().await;
                    ended.send("told".to_owned()).unwrap();
                } else {
                    let cut = io.read(&mut bytes).await.unwrap_err();
                    ended.send(cut.to_string()).unwrap();
                }
            });
            let response = Response::builder().status(101).header("upgrade", "echo");
            let response = response.header("connection", "upgrade");
            let body = Full::new(Bytes::new());
            std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
        });
        let server = Server::new(app).shutdown(&shutdown).drain(3 * SECOND);
        let (connections, counts) = (server.connections(), server.counts());
        let (mut io, theirs) = duplex(1024);
        let peer = ([192, 0, 2, 1], 1).into();
        tokio::spawn(connections.serve_connection(theirs, peer));
        let ask = b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n";
        io.write_all(ask).await.unwrap();
        let mut answer = [0; 12];
        io.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        let upgraded = || {
            let counts = counts.counts().into_iter();
            let mut gauges = counts.filter(|count| count.name == "portcullis_connections_upgraded");
            gauges.next().unwrap().value
        };
        assert_eq!(upgraded(), 1);

        let stopped = server.stop().await;
        assert_eq!(upgraded(), 0);
        let told = if heeds { "told" } else { "the server stops" };
        assert_eq!(end.try_recv().unwrap(), told);
        assert_eq!(stopped.cut(), usize::from(!heeds), "{stopped}");
        assert_eq!(stopped.ended(), usize::from(heeds), "{stopped}");
    }
}

#[tokio::test(start_paused = true)]
async fn others_are_flushed_when_all_has_ended_and_not_for_ever() {
    let shutdown = Shutdown::new();
    let (told, flushed) = tokio::sync::oneshot::channel();
    let server = server()
        .shutdown(&shutdown)
        .flush(async move { told.send(()).unwrap() })
        .flush(std::future::pending());
    let began = Instant::now();
    server.stop().await;

    flushed.await.unwrap();
    assert_took(began.elapsed(), 5 * SECOND);
}

/// Accepts one connection, and panics when it is asked for the next.
struct Panics(Option<DuplexStream>);

impl crate::serve::Listener for Panics {
    type Io = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, SocketAddr)> {
        let io = self.0.take().expect("on purpose");
        tokio::time::sleep(SECOND).await;
        Ok((io, "192.0.2.1:4711".parse().unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn where_accepting_panics_the_server_serves_to_the_end_and_says_so() {
    let (mut io, theirs) = duplex(64 << 10);
    let request = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    io.write_all(request).await.unwrap();
    let server = server().listen(Panics(Some(theirs))).drain(100 * SECOND);
    let server = tokio::spawn(server.into_future());
    let mut seen = Vec::new();
    io.read_to_end(&mut seen).await.unwrap();

    assert!(
        seen.ends_with(b"slow"),
        "{}",
        String::from_utf8_lossy(&seen)
    );
    let error = server.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("panic"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn servers_with_one_handle_have_each_its_own_grace() {
    let shutdown = Shutdown::new();
    let server = || {
        server()
            .accept_loop(|_| std::future::pending())
            .shutdown(&shutdown)
    };
    let public = server().grace(5 * SECOND);
    let connections = public.connections();
    let public = tokio::spawn(public.into_future());
    let internal = tokio::spawn(server().into_future());
    tokio::time::sleep(SECOND).await;
    shutdown.begin();
    internal.await.unwrap().unwrap();

    assert!(!shutdown.is_draining(), "the public one goes on");
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut client = Client::sending(&connections, request).await;
    client.read_until(b"ok").await;
    let began = Instant::now();
    shutdown.draining().await;
    assert_took(began.elapsed(), 5 * SECOND);
    public.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_skipped_cuts_at_once_and_one_that_begins_twice_does_not() {
    for skips in [false, true] {
        let stopping = stopping(20 * SECOND);
        let request = b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n";
        let client = Client::sending(&stopping.connections, request).await;
        tokio::time::sleep(SECOND).await;
        stopping.shutdown.begin();
        let began = Instant::now();
        if skips {
            stopping.shutdown.skip();
        } else {
            stopping.shutdown.begin();
        }
        let stopped = stopping.stopped.await.unwrap();
        assert_took(
            began.elapsed(),
            if skips { Duration::ZERO } else { 20 * SECOND },
        );
        assert_eq!((stopped.ended(), stopped.cut()), (0, 1));
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_listens_nowhere_says_so_and_one_whose_loop_ended_logs_it() {
    let error = server().await.unwrap_err();
    assert!(error.to_string().contains("no listener"), "{error}");

    let (log, _) = logged(async {
        let deaf = server()
            .accept_loop(async |_| ())
            .shutdown_on(tokio::time::sleep(SECOND));
        deaf.await.unwrap()
    })
    .await;
    assert!(log.contains("no connection is accepted"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn who_connected_ahead_and_has_not_asked_yet_may_ask_for_a_second() {
    let stopping = stopping(20 * SECOND);
    let mut client = Client::new(&stopping.connections);
    let silent = Client::new(&stopping.connections);
    tokio::time::sleep(5 * SECOND).await;
    stopping.shutdown.begin();
    tokio::time::sleep(SECOND / 2).await;

    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    client.io.write_all(request).await.unwrap();
    assert!(client.read_to_end().await.0.ends_with(b"ok"));
    assert_took(silent.closed().await, 6 * SECOND);
    assert_eq!(stopping.stopped.await.unwrap().cut(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_panics_leaves_the_others() {
    let (flushed, is_flushed) = tokio::sync::oneshot::channel();
    let server = server()
        .flush(async { panic!("on purpose") })
        .flush(async { flushed.send(()).unwrap() });
    server.stop().await;
    is_flushed.await.unwrap();
}

/// Writes when it may, and keeps what was written.
struct Gated {
    gate: std::sync::mpsc::Receiver<()>,
    written: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl std::io::Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Nobody may be left to open it.
        let _ = self.gate.recv();
        self.written.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server of an edge that has an access log, and has answered a request whose line waits. Opens with
/// the sender.
async fn with_line() -> (
    Server<AppService>,
    std::sync::mpsc::Sender<()>,
    std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
) {
    let (open, gate) = std::sync::mpsc::channel();
    let written = std::sync::Arc::default();
    let gated = Gated {
        gate,
        written: std::sync::Arc::clone(&written),
    };
    let log = AccessLog::to_writer(gated).build().unwrap();
    let edge = Edge::new().access_log(log).build().unwrap();
    let answer = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let Ok(response) = edge.layer(answer).oneshot(request("/last")).await;
    response.into_body().collect().await.unwrap();
    (server().edge(&edge), open, written)
}

#[tokio::test]
async fn the_lines_of_its_edge_are_written_before_a_server_has_stopped() {
    let (server, open, written) = with_line().await;
    let stopped = tokio::spawn(server.stop());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!stopped.is_finished(), "a line waits");
    open.send(()).unwrap();
    stopped.await.unwrap();

    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert!(
        written.contains("/last") && written.ends_with('\n'),
        "{written}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_nobody_reads_holds_a_server_up_for_5_seconds() {
    let (server, _open, written) = with_line().await;
    let began = Instant::now();
    server.stop().await;

    assert_took(began.elapsed(), 5 * SECOND);
    assert!(written.lock().unwrap().is_empty());
}
