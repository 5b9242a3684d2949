//! Connections from anywhere.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use portcullis::{
    ClientIp, Health, Quota, serve,
    serve::{AdminPages, Listener, Server, Shutdown, bind_reuse_port},
};
use portcullis_axum::Fact;
use portcullis_tests::net::{Client, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

fn app() -> Router {
    let edge = portcullis_axum::edge().rate_limit(Quota::per_second(100));
    let who = |Fact(client): Fact<ClientIp>| async move { client.0.to_string() };
    Router::new()
        .route("/", get(who))
        .layer(edge.build().unwrap())
}

#[tokio::test]
async fn an_axum_app_on_a_unix_socket_differs_in_one_line() {
    let path = std::env::temp_dir().join(format!("portcullis-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async { serve(listener, app()).await });

    let mut io = UnixStream::connect(&path).await.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn several_listeners_stop_together_and_the_admin_one_last() {
    let health = Health::new();
    let shutdown = Shutdown::new();
    let mut addresses = Vec::new();
    let mut server = Server::new(app()).shutdown(&shutdown).health(&health);
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        server = server.listen(listener);
    }
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin_address = admin.local_addr().unwrap();
    let pages = AdminPages::new().health(&health);
    let flushing = shutdown.clone();
    let (looked, look) = tokio::sync::oneshot::channel();
    let server = server
        .admin(admin, pages)
        .grace(Duration::from_millis(300))
        .flush(async move {
            assert!(flushing.is_draining());
            let ready = Client::http1(admin_address).await.get("/ready").await;
            looked.send(ready.status.as_u16()).unwrap();
        });
    let server = tokio::spawn(server.into_future());
    for address in &addresses {
        let mut client = Client::http1(*address).await;
        assert_eq!(client.get("/").await.status, 200);
        assert_eq!(client.get("/health").await.status, 404, "admin's alone");
    }

    shutdown.begin();
    let stopped = server.await.unwrap().unwrap();
    assert_eq!(stopped.cut(), 0, "{stopped}");
    assert_eq!(look.await.unwrap(), 503, "the public one has ended by then");
    for address in addresses.iter().chain([&admin_address]) {
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn operators_have_probes_metrics_and_the_stack_on_a_listener_of_their_own() {
    let health = Health::new().check("disk", || async { Err::<(), _>("full") });
    let edge = portcullis::Edge::new().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = portcullis_prometheus::Metrics::new();
    let pages = AdminPages::new()
        .health(&health)
        .explain(&edge)
        .respond("/metrics", move |head| metrics.respond(&head.headers));
    let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tokio::spawn(
        serve(public, app())
            .health(&health)
            .admin(listener, pages)
            .into_future(),
    );
    health.settled().await;
    let mut client = Client::http1(address).await;

    let probe = client.get("/health").await;
    assert_eq!(
        (probe.status.as_u16(), probe.text.contains("disk")),
        (503, true)
    );
    assert!(!probe.text.contains("full"), "{}", probe.text);
    let verbose = client.get("/health?verbose").await.text;
    assert!(verbose.contains(r#""reason":"full""#), "{verbose}");
    assert_eq!(client.get("/live").await.text, r#"{"status":"alive"}"#);
    let explained = client.get("/explain").await;
    assert!(explained.text.contains("request ID"), "{}", explained.text);
    let scraped = client.get("/metrics").await;
    let content_type = portcullis_prometheus::TextFormat::Prometheus.content_type();
    assert_eq!(scraped.headers["content-type"], content_type);
    assert!(!scraped.text.contains("# EOF"), "{}", scraped.text);
    let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
    let scraped = client.ask(request("/metrics", &accept)).await;
    assert!(scraped.text.ends_with("# EOF\n"), "{}", scraped.text);
    assert_eq!(client.get("/").await.status, 404);
    for path in ["/metrics", "/explain", "/health", "/ready", "/live"] {
        let post = http::Request::post(path).header("host", "a");
        let refused = client.ask(post.body(Default::default()).unwrap()).await;
        assert_eq!(refused.status, 405, "{path}");
        assert_eq!(refused.headers["allow"], "GET, HEAD");
    }
}

/// A listener that prepares, and accepts nobody.
struct Asleep(TcpListener);

impl Listener for Asleep {
    type Io = TcpStream;

    async fn accept(&mut self) -> std::io::Result<(TcpStream, SocketAddr)> {
        std::future::pending().await
    }

    fn prepare(&mut self) {
        self.0.prepare();
    }
}

#[tokio::test]
async fn a_thousand_connections_may_wait_where_the_default_is_128() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    tokio::spawn(serve(Asleep(listener), app()).into_future());
    tokio::task::yield_now().await;

    let mut waiting = Vec::new();
    for _ in 0..1000 {
        waiting.push(TcpStream::connect(address).await.unwrap());
    }
}

#[tokio::test]
async fn two_processes_may_have_one_port() {
    let first = bind_reuse_port(([127, 0, 0, 1], 0).into()).unwrap();
    let address = first.local_addr().unwrap();
    let second = bind_reuse_port(address).unwrap();
    for listener in [first, second] {
        tokio::spawn(serve(listener, app()).into_future());
    }
    for _ in 0..20 {
        let answer = Client::http1(address).await.get("/").await;
        assert_eq!(answer.status, 200);
    }
}
