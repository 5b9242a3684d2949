//! The README's examples, served to several clients: what runs here is what stands there, line by line.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, net::SocketAddr, process::ExitCode, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use portcullis::{
    ConfigError, Edge, Health, Principal, Quota,
    access_log::AccessLog,
    api_key::{ApiKey, Keys},
    body_limit::RequestBody,
    client_ip::{Family, ResolveClientIp, Strategy},
    error_report::ErrorReports,
    outbound::{BreakerConfig, Outbound},
    rate_limit::{KeyBy, Policy, RateLimit, RateLimitLayer},
    serve,
    serve::AdminPages,
};
use portcullis_axum::Fact;
use portcullis_otel::Telemetry;
use portcullis_prometheus::Metrics;
use portcullis_test::{Fault, FaultServer};
use portcullis_tests::net::{self, Server, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

/// What is another in a test: the keys of the environment, and the port.
const OTHER: [(&str, &str); 4] = [
    (
        "let admin = TcpListener::bind(\"127.0.0.1:9090\").await?;",
        "",
    ),
    ("Keys::from_env(\"API_KEYS\")?", "keys"),
    ("TcpListener::bind(\"127.0.0.1:3000\").await?", "listener"),
    ("\"10.0.0.0/8", "\"127.0.0.0/8"),
];

/// The lines of a page's Rust examples, without those that only hold them together.
fn lines(page: &str) -> Vec<String> {
    let blocks = page.split("```rust").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let lines = blocks.flat_map(|block| block.lines().skip(1));
    let other = |line: &str| {
        OTHER.iter().fold(line.to_owned(), |line, (there, here)| {
            line.replace(there, here)
        })
    };
    let is_code = |line: &&str| {
        let parts = [
            "use ",
            "# ",
            "//",
            "}",
            "{",
            "Ok(())",
            "#[tokio::main]",
            "async fn main",
        ];
        !line.is_empty() && !parts.iter().any(|part| line.starts_with(part))
    };
    lines.map(str::trim).filter(is_code).map(other).collect()
}

/// Without what a formatter changes.
fn dense(code: &str) -> String {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    code.replace(",)", ")")
}

#[test]
fn what_runs_here_is_what_stands_there() {
    let here = dense(include_str!("readme_examples.rs"));
    let readme = lines(include_str!("../../../README.md"));
    let limits = lines(include_str!("../../../docs/limits.md"));
    // The names in a list of imports, and the siege, which has a test of its own.
    let is_elsewhere = |line: &str| {
        [
            "Edge, Quota,",
            "client_ip::",
            "rate_limit::",
            "let profile",
            "assault(app)",
        ]
        .iter()
        .any(|part| line.starts_with(part))
    };
    let (mut compared, all) = (0, readme.iter().chain(&limits));
    for line in all.filter(|line| !is_elsewhere(line)) {
        assert!(here.contains(&dense(line)), "not run: {line}");
        compared += 1;
    }

    assert!(compared > 20, "{compared}");
}

async fn whoami(Fact(who): Fact<Principal>) -> String {
    format!("hello {}", who.id())
}

async fn quick_start(
    keys: Keys,
    listener: TcpListener,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let edge = portcullis_axum::edge()
        .api_keys(keys)
        .rate_limit(Quota::per_second(10))
        .build()?;
    let app = Router::new().route("/", get(whoami)).layer(edge);

    serve(listener, app).await?;
    Ok(())
}

async fn serving(
    listener: TcpListener,
    admin: TcpListener,
) -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let health = Health::new();
    let edge = portcullis_axum::edge().health(&health).build()?;
    let app = Router::new().layer(edge.clone());

    let stopped = serve(listener, app)
        .edge(&edge)
        .health(&health)
        .admin(admin, AdminPages::new().health(&health).explain(&edge))
        .await?;
    Ok(stopped.exit_code())
}

#[tokio::test]
async fn serving_and_stopping() {
    let (listener, server) = listen().await;
    let (admin_listener, admin) = listen().await;
    tokio::spawn(serving(listener, admin_listener));

    let mut operator = net::Client::http1(admin).await;
    assert!(operator.get("/explain").await.text.contains("hygiene"));
    for address in [server, admin] {
        let mut probe = net::Client::http1(address).await;
        assert_eq!(probe.get("/ready").await.status, 200);
    }
    let mut broken = TcpStream::connect(server).await.unwrap();
    broken
        .write_all(b"GET / HTTP/1.1\nhost: a\n\n")
        .await
        .unwrap();
    let mut answer = String::new();
    broken.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("x-request-id"),
        "{answer}"
    );
}

#[tokio::test]
async fn outgoing_calls_are_behind_their_layers() -> Result<(), ConfigError> {
    let outbound = Outbound::new()
        .try_timeout(Duration::from_secs(2))
        .breaker(BreakerConfig::new().failures(3))
        .build()?;
    let client = outbound.layer(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());

    let server = FaultServer::start().await.unwrap();
    server.script([Fault::reset(), Fault::status(503)]);
    let request = Request::get(format!("http://{}/", server.address()));
    let response = client.oneshot(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(server.connections(), 3);
    Ok(())
}

async fn seeing(
    listener: TcpListener,
    admin: TcpListener,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let telemetry = Telemetry::from_env("my-service")?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_filter(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(lines);
    subscriber.with(telemetry.layer()).init();
    let metrics = Metrics::new();
    metrics.add(telemetry.clone());
    let access_log = AccessLog::to_stdout().build()?;
    let edge = portcullis_axum::edge()
        .observe(telemetry.tracing())
        .observe(telemetry.metrics())
        .observe(metrics.clone())
        .access_log(access_log.clone())
        .report_errors(ErrorReports::to_tracing())
        .build()?;
    let app = Router::new().layer(edge.clone());

    let page = metrics.clone();
    let pages = AdminPages::new().respond("/metrics", move |head| page.respond(&head.headers));
    let server = serve(listener, app).edge(&edge).admin(admin, pages);
    metrics.add(server.counts());
    let stopped = server.await;
    let written = access_log.flush(Duration::from_secs(5)).await;
    telemetry.shutdown();
    stopped?;
    Ok(written?)
}

#[tokio::test]
async fn what_happened_is_seen_by_operators_only() {
    let (listener, server) = listen().await;
    let (admin_listener, admin) = listen().await;
    tokio::spawn(seeing(listener, admin_listener));

    let mut client = net::Client::http1(server).await;
    for _ in 0..3 {
        assert_eq!(client.get("/metrics").await.status, 404);
    }
    let mut operator = net::Client::http1(admin).await;
    let page = operator.get("/metrics").await;
    let content_type = &page.headers["content-type"];
    assert!(
        content_type
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let series = "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
                  http_route=\"\",http_response_status_code=\"404\",url_scheme=\"http\",error_type=\"\"} 3\n";
    assert!(page.text.contains(series), "{}", page.text);
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn around_an_axum_app() {
    let clients =
        [("alice", 2), ("bob", 3)].map(|(id, from)| (id, from, ApiKey::generate("pk").unwrap()));
    let all = clients.iter();
    let keys = all.fold(Keys::default(), |keys, (id, _, key)| keys.and(id, key));
    let (listener, server) = listen().await;
    tokio::spawn(quick_start(keys, listener));

    for (id, address, key) in &clients {
        let mut client = net::Client::http1_from([127, 0, 0, *address], server).await;
        let keyed = || request("/", &[("x-api-key", key.expose())]);
        let first = client.ask(keyed()).await;
        assert_eq!(
            (first.status.as_u16(), first.text),
            (200, format!("hello {id}"))
        );
        assert_eq!(first.headers["ratelimit-policy"], "\"default\";q=10;w=1");
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(client.ask(keyed()).await.status.as_u16());
        }
        assert!(statuses.contains(&429), "{id}: {statuses:?}");
        assert!(
            statuses.iter().filter(|status| **status == 200).count() >= 9,
            "{statuses:?}"
        );
    }
    let mut stranger = net::Client::http1_from([127, 0, 0, 4], server).await;
    assert_eq!(stranger.get("/").await.status, 401);
}

async fn hello(_: Request<RequestBody<Incoming>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new("hello".into()))
}

#[tokio::test]
async fn around_a_hyper_service() -> Result<(), Box<dyn std::error::Error>> {
    let service = Edge::new()
        .rate_limit(Quota::per_second(50))
        .build()?
        .layer(service_fn(hello));
    let server = Server::start(service).await;

    for address in [2, 3] {
        let mut client = net::Client::http1_from([127, 0, 0, address], server.address()).await;
        let mut served = 0;
        while client.get("/").await.status == 200 {
            served += 1;
        }
        assert!((50..200).contains(&served), "{served}");
    }
    Ok(())
}

#[tokio::test]
async fn one_layer() {
    let limit = RateLimitLayer::new(Quota::per_minute(5)).peer_from(portcullis_axum::connect_info);
    let app: Router = Router::new().route("/login", post(|| async { "in" }).layer(limit));
    let (listener, server) = listen().await;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await });

    for address in [2, 3, 4] {
        let mut client = net::Client::http1_from([127, 0, 0, address], server).await;
        for expected in [200, 200, 200, 200, 200, 429] {
            let mut login = request("/login", &[]);
            *login.method_mut() = Method::POST;
            assert_eq!(client.ask(login).await.status, expected, "{address}");
        }
    }
}

/// Of `/login` nothing but 401, of everything else so many bytes.
async fn costly(
    request: Request<RequestBody<Incoming>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new("x".repeat(400_000).into());
    if request.uri().path() == "/login" {
        response = Response::default();
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

#[tokio::test]
async fn what_a_request_costs() -> Result<(), ConfigError> {
    let limit = RateLimit::try_new([
        // Ten log-ins an hour, or two that fail.
        Policy::new("login", Quota::per_hour(10))
            .paths(["POST /login"])
            .cost_after(|ended| {
                if ended.status == Some(StatusCode::UNAUTHORIZED) {
                    5
                } else {
                    1
                }
            }),
        // Bytes of both bodies. A client that has none left waits; an office has ten times as many.
        Policy::new("traffic", Quota::per_minute(1_000_000))
            .content_bytes()
            .key("127.0.0.9", Quota::per_minute(10_000_000)),
        // All clients together.
        Policy::new("all", Quota::per_second(2_000)).by(KeyBy::global()),
    ])?;
    let edge = Edge::new().rate_limit(limit).build()?;
    let server = Server::start(edge.layer(service_fn(costly))).await;

    for address in [2, 3, 9] {
        let mut client = net::Client::http1_from([127, 0, 0, address], server.address()).await;
        for expected in [401, 401, 429] {
            let mut login = request("/login", &[]);
            *login.method_mut() = Method::POST;
            assert_eq!(client.ask(login).await.status, expected, "{address}");
        }
        let mut served = 0;
        while served < 10 && client.get("/").await.status == 200 {
            served += 1;
        }
        let expected = if address == 9 { 10 } else { 3 };
        assert_eq!(served, expected, "{address}: 1.2 of 1 MB");
    }
    Ok(())
}

/// The page on limits. The proxy is on the loopback address, and so are its clients.
#[tokio::test]
async fn limits() -> Result<(), ConfigError> {
    let nginx = Strategy::proxies(Family::XForwardedFor, "127.0.0.0/8")?;
    let limit = RateLimit::try_new([
        Policy::new("second", Quota::per_second(10)),
        Policy::new("hour", Quota::per_hour(1000)).exempt_paths(["/assets/*"]),
        Policy::new("login", Quota::per_minute(5)).paths(["POST /login"]),
    ])?;
    let client_ip = ResolveClientIp::from_strategy(nginx);
    let edge = Edge::new()
        .client_ip(client_ip.clone())
        .rate_limit(limit.clone())
        .build()?;
    let server = Server::start(edge.layer(service_fn(hello))).await;
    let mut proxy = net::Client::http1(server.address()).await;
    let mut login = async |client: &str| {
        let mut login = request("/login", &[("x-forwarded-for", client)]);
        *login.method_mut() = Method::POST;
        proxy.ask(login).await
    };

    for client in ["192.0.2.7", "192.0.2.8"] {
        for _ in 0..5 {
            assert_eq!(login(client).await.status, 200, "{client}");
        }
        let refused = login(client).await;
        assert_eq!(refused.status, 429, "{client}");
        assert!(refused.text.contains("[\"login\"]"), "{}", refused.text);
    }
    limit.set_policies([Policy::new("second", Quota::per_second(50))])?;
    client_ip.set_strategy(Strategy::proxies(
        Family::XForwardedFor,
        "127.0.0.0/8, 192.0.2.1",
    )?)?;
    assert_eq!(
        login("192.0.2.7").await.status,
        200,
        "there is no such policy now"
    );
    // The proxy that was added speaks for its clients.
    let answer = login("192.0.2.9, 192.0.2.1").await;
    let quota = answer.header("ratelimit");
    assert!(quota.starts_with("\"second\";r=49"), "{quota}");
    assert!(edge.explain().to_string().contains("50/s"));
    Ok(())
}
