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
use portcullis::{Counts, Quota, rate_limit::RateLimit};
use portcullis_otel::Telemetry;
use portcullis_tests::{
    demo::Demo,
    net::{Client, Server, request},
    rotel::Rotel,
};
use tracing_subscriber::layer::SubscriberExt;

/// A span, as the collector prints it: its own fields, and its attributes.
#[derive(Debug, Default)]
struct Span {
    fields: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
}

/// What a span must be: the last part of its path, its name, whether it is an error, and attributes
/// that it has or, where there is nothing, has not.
type Expected = (
    &'static str,
    &'static str,
    bool,
    &'static [(&'static str, &'static str)],
);

const EXPECTED: &[Expected] = &[
    (
        "h1",
        "GET /things/{id}",
        false,
        &[
            ("http.request.method", "GET"),
            ("http.request.method_original", ""),
            ("http.route", "/things/{id}"),
            ("http.response.status_code", "200"),
            ("url.scheme", "http"),
            ("url.query", ""),
            ("network.protocol.version", "1.1"),
            ("server.address", "localhost"),
            ("server.port", "80"),
            ("client.address", "127.0.0.1"),
            ("network.peer.address", "127.0.0.1"),
            ("user_agent.original", "curl/8"),
            ("error.type", ""),
        ],
    ),
    (
        "h2",
        "GET /things/{id}",
        false,
        &[
            ("network.protocol.version", "2"),
            ("server.address", "localhost"),
            ("server.port", "80"),
            ("http.response.status_code", "200"),
        ],
    ),
    (
        "h404",
        "GET",
        false,
        &[
            ("http.route", ""),
            ("http.response.status_code", "404"),
            ("error.type", ""),
            ("user_agent.original", ""),
        ],
    ),
    (
        "h429",
        "GET /things/{id}",
        false,
        &[("http.response.status_code", "429"), ("error.type", "")],
    ),
    (
        "h500",
        "GET /broken/{id}",
        true,
        &[("http.response.status_code", "500"), ("error.type", "500")],
    ),
    (
        "panic",
        "GET /panics/{id}",
        true,
        &[
            ("http.response.status_code", "500"),
            ("error.type", "panic"),
        ],
    ),
    (
        "gone",
        "GET /never/{id}",
        true,
        &[
            ("http.response.status_code", "200"),
            ("error.type", "client_disconnect"),
        ],
    ),
    (
        "streamed",
        "GET /streamed/{id}",
        false,
        &[("http.response.status_code", "200"), ("error.type", "")],
    ),
    (
        "invented",
        "HTTP /things/{id}",
        false,
        &[
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "EVIL"),
            ("http.response.status_code", "405"),
        ],
    ),
    (
        "hostile",
        "GET /things/{id}",
        false,
        &[(
            "url.query",
            "sig=REDACTED&a=%0d%0aX:1&token=REDACTED&b='%22%3C",
        )],
    ),
];

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
    let edge = portcullis_axum::edge()
        .observe(telemetry.tracing())
        .observe(telemetry.metrics());
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
    h1.get("/things/hostile?sig=SECRET&a=%0d%0aX:1&token=SECRET&b='%22%3C")
        .await;
    let mut invented: Request<Full<Bytes>> = request("/things/invented", &[]);
    *invented.method_mut() = Method::from_bytes(b"EVIL").unwrap();
    h1.ask(invented).await;
    let begun = h2.send(request("/never/gone", &[])).await.unwrap();
    drop(begun);
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..8 {
        h1.get("/things/h429").await;
    }
}

/// Reads the spans of the edge. An attribute is a line `-> key: Type(value)`.
fn spans(text: &str) -> Vec<Span> {
    let scopes = text.split("ScopeSpans #").skip(1);
    let ours = scopes.filter(|scope| scope.contains("InstrumentationScope portcullis "));
    let ours: Vec<_> = ours.collect();
    for scope in &ours {
        assert!(scope.contains("ScopeSpans SchemaURL: https://opentelemetry.io/schemas/1.44.0"));
    }
    let spans = ours
        .iter()
        .flat_map(|scope| scope.split("\nSpan #").skip(1));
    spans.map(span).collect()
}

fn span(text: &str) -> Span {
    let mut span = Span::default();
    for line in text.lines() {
        if line.starts_with("Resource") {
            break;
        }
        match line.trim().strip_prefix("-> ") {
            Some(attribute) => {
                let (key, value) = attribute.split_once(": ").unwrap();
                let value = value.split_once('(').unwrap().1.strip_suffix(')').unwrap();
                span.attributes.insert(key.to_owned(), value.to_owned());
            }
            None => {
                let (key, value) = line.split_once(':').unwrap_or_default();
                span.fields
                    .insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
    span
}

fn check(spans: &[Span], (last, name, is_error, attributes): &Expected) {
    let get = |span: &Span, key: &str| span.attributes.get(key).cloned().unwrap_or_default();
    let mut found = spans
        .iter()
        .filter(|span| get(span, "url.path").ends_with(&format!("/{last}")));
    let span = found
        .next_back()
        .unwrap_or_else(|| panic!("no {last}: {spans:?}"));
    let status = if *is_error {
        "STATUS_CODE_ERROR"
    } else {
        "STATUS_CODE_UNSET"
    };
    let fields = [
        ("Name", *name),
        ("Kind", "SPAN_KIND_SERVER"),
        ("Status code", status),
        ("Status message", ""),
        ("Parent ID", ""),
    ];
    for (field, expected) in fields {
        assert_eq!(span.fields[field], expected, "{last}, {field}: {span:?}");
    }
    for (key, expected) in *attributes {
        assert_eq!(get(span, key), *expected, "{last}, {key}: {span:?}");
    }
    for key in [
        "portcullis.request_id",
        "network.peer.port",
        "server.port",
        "url.scheme",
    ] {
        assert_ne!(get(span, key), "", "{last}, {key}: {span:?}");
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
        let counts = telemetry.clone();
        tokio::task::spawn_blocking(|| telemetry.shutdown())
            .await
            .unwrap();
        let text = rotel.printed(&["h429", "shop.orders", "a line of the application"]);
        let spans = spans(&text);

        for expected in EXPECTED {
            check(&spans, expected);
        }
        assert_eq!(spans.len(), SENT, "{protocol}");
        assert!(counts.counts().iter().all(|count| count.value == 0));
        assert!(!text.contains("SECRET"));
        assert!(
            !text.contains("h2::"),
            "what hyper and h2 trace is not the application's"
        );
        for metric in [
            "shop.orders",
            "http.server.request.duration",
            "portcullis.rejections",
        ] {
            assert!(text.contains(&format!("-> Name: {metric}")), "{metric}");
        }
        check_logs(&text, &spans);
    }
}

/// Each line of the application is of a trace that there is.
fn check_logs(text: &str, spans: &[Span]) {
    let records = text.split("LogRecord #").skip(1);
    let own = records.filter(|record| record.contains("a line of the application"));
    let mut found = 0;
    for record in own {
        let id = record.split("Trace ID").nth(1).unwrap();
        let id = id
            .split(':')
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap();
        assert!(
            spans.iter().any(|span| span.fields["Trace ID"] == id),
            "{record}"
        );
        found += 1;
    }
    assert!(found >= 4, "{found}");
}

/// Requests of [`send`].
const SENT: usize = 17;

/// The demo with nothing but the variables of the specification.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_exports_its_traces_metrics_and_logs() {
    for protocol in ["grpc", "http/protobuf"] {
        let Some(rotel) = Rotel::start() else { return };
        let demo = Demo::with(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &rotel.url(protocol)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
        ]);
        let address = demo.url().strip_prefix("http://").unwrap().parse().unwrap();
        let mut client = Client::http1(address).await;
        for (path, key, status) in [
            ("/api/hello", demo.key(), 200),
            ("/api/hello", "wrong", 401),
            ("/api/panic", demo.key(), 500),
            ("/none", demo.key(), 404),
        ] {
            let answer = client.ask(request(path, &[("x-api-key", key)])).await;
            assert_eq!(answer.status, status, "{path}");
        }

        let parts = [
            "GET /api/panic",
            "caught a panic",
            "-> Name: http.server.request.duration",
            "portcullis-demo",
        ];
        let text = rotel.printed(&parts);
        for part in parts {
            assert!(text.contains(part), "{protocol}: {part}");
        }
        let spans = spans(&text);
        let statuses: Vec<_> = spans
            .iter()
            .filter_map(|span| span.attributes.get("http.response.status_code"))
            .collect();
        for status in ["200", "401", "404", "500"] {
            assert!(statuses.iter().any(|seen| *seen == status), "{statuses:?}");
        }
    }
}
