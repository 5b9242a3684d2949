//! Every refusal has one shape, the secure headers and the request ID, and is seen.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use axum::{
    Router,
    routing::{get, post},
};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};
use portcullis::{
    Principal, Quota, Rejection,
    api_key::{ApiKey, KeyRecord, Lookup},
};
use portcullis_axum::AxumEdge;
use portcullis_otel::{Sampling, Tracing};
use portcullis_prometheus::Metrics;
use portcullis_tests::net::{Answer, Client, Server, request};
use tokio::time::sleep;

/// Each refusal: the path that brings it, its status, slug and `error.type`.
const REFUSALS: [(&str, u16, &str, Option<&str>); 7] = [
    ("/no-key", 401, "unauthenticated", None),
    ("/large", 413, "body-too-large", None),
    ("/panic", 500, "panicked", Some("panic")),
    ("/guard-panic", 500, "panicked", Some("panic")),
    ("/slow", 503, "timed-out", Some("timeout")),
    ("/store-down", 503, "unavailable", Some("503")),
    ("/limited", 429, "rate-limited", None),
];

fn key() -> ApiKey {
    ApiKey::generate("pk").unwrap()
}

fn app() -> Router {
    let slow = || async {
        sleep(Duration::from_secs(60)).await;
        "too late"
    };
    let broken = || async {
        if true {
            panic!("the password is 12345");
        }
        "never"
    };
    Router::new()
        .route("/large", post(|body: Bytes| async { body }))
        .route("/panic", get(broken))
        .route("/slow", get(slow))
}

/// Everything on; the ids `boom` and `down` break the store.
fn edge() -> AxumEdge {
    let store = |id: &str| {
        let id = id.to_owned();
        Lookup::wait(async move {
            match id.as_str() {
                "boom" => panic!("in the store"),
                "down" => Err("no route to the store"),
                _ => Ok(Some(KeyRecord::new(known().digest(), Principal::new(id)))),
            }
        })
    };
    portcullis_axum::edge()
        .api_keys(store)
        .body_limit(8)
        .timeout(Duration::from_secs(1))
}

/// One key for the whole process.
fn known() -> &'static ApiKey {
    static KEY: std::sync::OnceLock<ApiKey> = std::sync::OnceLock::new();
    KEY.get_or_init(key)
}

/// A key with another id: its checksum is made right again.
fn with_id(id: &str) -> String {
    let (_, secret) = known().expose().rsplit_once('_').unwrap();
    let body = format!("pk_{id}_{}", &secret[..43]);
    let mut left = crc(&body);
    let alphabet = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = alphabet[left as usize % 62];
        left /= 62;
    }
    body + std::str::from_utf8(&digits).unwrap()
}

/// CRC-32, bit by bit.
fn crc(text: &str) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
    let byte = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc));
    !text.bytes().fold(u32::MAX, byte)
}

async fn provoke(client: &mut Client, path: &str) -> Answer {
    let known = known().expose().to_owned();
    let (key, body) = match path {
        "/no-key" => (String::new(), ""),
        "/guard-panic" => (with_id("boom"), ""),
        "/store-down" => (with_id("down"), ""),
        "/large" => (known, "more than eight bytes"),
        _ => (known, ""),
    };
    let mut request = request(path, &[("x-api-key", &key)]);
    if !body.is_empty() {
        *request.method_mut() = http::Method::POST;
        *request.body_mut() = Full::from(body);
    }
    client.ask(request).await
}

fn assert_shape(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let headers = [
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "deny"),
        ("x-permitted-cross-domain-policies", "none"),
    ];
    for (name, value) in headers {
        assert_eq!(answer.header(name), value, "{slug}: {name}");
    }
    let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    let kind = problem["type"].as_str().unwrap();
    assert!(kind.ends_with(slug) || slug == "rate-limited" && kind.ends_with("#quota-exceeded"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert_eq!(
        status == 401,
        answer.headers.contains_key("www-authenticate")
    );
    assert_eq!(status == 429, answer.headers.contains_key("retry-after"));
    assert!(!answer.text.contains("12345") && !answer.text.contains("store"));
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|kv| kv.key.as_str() == key);
    found.next().map(|kv| kv.value.to_string())
}

#[tokio::test]
async fn each_refusal_has_the_one_shape_and_is_in_the_trace_and_the_metrics() {
    let exporter = InMemorySpanExporter::default();
    let tracing = Tracing::new(
        SimpleSpanProcessor::new(exporter.clone()),
        Sampling::always(),
    );
    let metrics = Metrics::new();
    // Enough for all of them but the last.
    let quota = Quota::per_hour(u32::try_from(REFUSALS.len()).unwrap() - 1);
    let edge = edge().observe(tracing.clone()).observe(metrics.clone());
    let app = app().layer(edge.rate_limit(quota).build().unwrap());
    let server = Server::start(app).await;
    let mut client = Client::http1(server.address()).await;
    let mut answers = Vec::new();
    for (path, ..) in REFUSALS {
        answers.push(provoke(&mut client, path).await);
    }

    tracing.flush();
    let spans = exporter.get_finished_spans().unwrap();
    for (answer, (path, status, slug, error)) in answers.iter().zip(REFUSALS) {
        assert_shape(answer, status, slug);
        let id = answer.header("x-request-id");
        let named =
            |span: &&SpanData| attribute(span, "portcullis.request_id").as_deref() == Some(id);
        let span = spans
            .iter()
            .find(named)
            .unwrap_or_else(|| panic!("{path}: no span"));
        let code = attribute(span, "http.response.status_code");
        assert_eq!(code, Some(status.to_string()), "{path}");
        assert_eq!(attribute(span, "error.type").as_deref(), error, "{path}");
        let of_layer = |line: &str| {
            let labels = line.strip_prefix("portcullis_rejections_total{layer=\"");
            let told = labels.and_then(|labels| labels.split_once("\",reason=\""));
            told.is_some_and(|(layer, rest)| !layer.is_empty() && rest.starts_with(slug))
        };
        assert!(metrics.encode().lines().any(of_layer), "{path}");
    }
    assert_eq!(spans.len(), REFUSALS.len());
}

#[tokio::test]
async fn a_responder_of_ones_own_renders_them_all() {
    let page = |rejection: &Rejection| {
        Response::builder()
            .status(rejection.kind().status())
            .body(Bytes::from(format!("<h1>{rejection}</h1>")))
            .unwrap()
    };
    let quota = Quota::per_hour(u32::try_from(REFUSALS.len()).unwrap() - 1);
    let edge = edge().respond_with(page).rate_limit(quota).build().unwrap();
    let server = Server::start(app().layer(edge)).await;
    let mut client = Client::http1(server.address()).await;
    for (path, status, slug, _) in REFUSALS {
        let answer = provoke(&mut client, path).await;

        assert_eq!(answer.status, status);
        assert_eq!(answer.text, format!("<h1>{slug}</h1>"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(
            status == 401,
            answer.headers.contains_key("www-authenticate")
        );
    }
}
