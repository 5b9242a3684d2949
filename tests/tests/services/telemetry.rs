//! A real server, and a real collector that prints what it received.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use http_body_util::Full;
use opentelemetry::metrics::MeterProvider;
use portcullis::{ClientIp, Facts, Quota, rate_limit::RateLimit};
use portcullis_otel::Telemetry;
use portcullis_tests::{
    net::{Client, Server, request},
    rotel::Rotel,
};
use tracing_subscriber::layer::SubscriberExt;

/// What was received, by the last part of each request's path.
type Spans = BTreeMap<String, Span>;

#[derive(Clone, Debug, Default)]
struct Span {
    fields: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
}

fn telemetry(rotel: &Rotel, protocol: &str) -> Telemetry {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", rotel.url(protocol)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test".to_owned(),
        ),
    ];
    let builder = Telemetry::builder("shop").variables(variables);
    builder.build().unwrap()
}

async fn panics() -> StatusCode {
    panic!("on purpose")
}

async fn streamed() -> Response {
    let chunks = (0..3).map(|n| Ok::<_, std::io::Error>(format!("chunk {n}")));
    Body::from_stream(stream::iter(chunks)).into_response()
}

async fn never() -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>("first")]);
    Body::from_stream(futures_util::StreamExt::chain(first, stream::pending())).into_response()
}

async fn logs() -> &'static str {
    tracing::info!("a line of the application");
    "hello"
}

async fn server(telemetry: &Telemetry) -> Server {
    let app = Router::new()
        .route("/things/{id}", any(logs))
        .route(
            "/broken/{id}",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/panics/{id}", get(panics))
        .route("/streamed/{id}", get(streamed))
        .route("/never/{id}", get(never));
    let edge = portcullis_axum::edge().observe(telemetry.tracing());
    let edge = edge.rate_limit(RateLimit::new(Quota::per_hour(12)));
    Server::start(app.layer(edge.build().unwrap())).await
}

async fn send(server: &Server) {
    let mut h1 = Client::http1(server.address()).await;
    let mut h2 = Client::http2(server.address()).await;
    for client in [&mut h1, &mut h2] {
        let name = if matches!(client, Client::Http1(_)) {
            "h1"
        } else {
            "h2"
        };
        let agent = [("user-agent", "curl/8")];
        client
            .ask(request(&format!("/things/{name}"), &agent))
            .await;
    }
    h1.get("/missing/h404").await;
    h1.get("/broken/h500").await;
    h2.get("/panics/panic").await;
    h1.get("/streamed/streamed").await;
    h1.get("/things/hostile?sig=SECRET&a=%0d%0aX:1&token=SECRET&b='\"<>")
        .await;
    let mut invented: Request<Full<Bytes>> = request("/things/invented", &[]);
    *invented.method_mut() = Method::from_bytes(b"EVIL").unwrap();
    h1.ask(invented).await;
    let begun = h2.send(request("/never/gone", &[])).await.unwrap();
    drop(begun);
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..4 {
        h1.get("/things/h429").await;
    }
}

#[tokio::test]
async fn a_real_collector_receives_what_the_conventions_say() {
    for protocol in ["grpc", "http/protobuf"] {
        let Some(rotel) = Rotel::start() else { return };
        let telemetry = telemetry(&rotel, protocol);
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        let guard = tracing::subscriber::set_default(subscriber);
        let server = server(&telemetry).await;
        send(&server).await;
        let meter = telemetry.meter_provider().unwrap().meter("shop");
        meter.u64_counter("shop.orders").build().add(1, &[]);
        drop(guard);
        tokio::task::spawn_blocking(|| telemetry.shutdown())
            .await
            .unwrap();
        let text = rotel.printed(&["h429", "shop.orders", "a line of the application"]);
        println!("{text}");
    }
}
