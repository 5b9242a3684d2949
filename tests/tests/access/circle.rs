//! One service over gRPC, Connect, REST and WebSocket, behind one edge: whoever calls is refused in
//! the shape that its library reads, and each line of the log is of one request.

#![expect(clippy::unwrap_used, reason = "tests")]

mod clients;
mod log;
mod service;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData};
use portcullis::{
    Quota, Secret,
    access_log::AccessLog,
    api_key::{ApiKey, Keys},
    error_report::{ErrorKind, ErrorReport, ErrorReports},
};
use portcullis_otel::{Sampling, Tracing};
use portcullis_prometheus::Metrics;
use portcullis_tests::net::{Client, Server};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tonic::Code;
use tracing::subscriber::DefaultGuard;

use self::{
    clients::{Caller, Ended},
    log::Log,
    service::{INTERNALS, SAY, app},
};

/// The service, and all that is seen of it.
struct Circle {
    server: Server,
    key: ApiKey,
    log: Log,
    exporter: InMemorySpanExporter,
    tracing: Tracing,
    metrics: Metrics,
    access: (AccessLog, Log),
    reports: (ErrorReports, Reports),
    _logs: DefaultGuard,
}

/// What was reported.
type Reports = Arc<Mutex<Vec<ErrorReport>>>;

// ===== impl Circle =====

impl Circle {
    async fn start(quota: Quota) -> Self {
        let key = ApiKey::generate_with_id("pk", "alice").unwrap();
        let pepper = Secret::try_new("Pq8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc").unwrap();
        let (log, exporter) = (Log::default(), InMemorySpanExporter::default());
        let logs = log.start();
        let processor = SimpleSpanProcessor::new(exporter.clone());
        let tracing = Tracing::new(processor, Sampling::always());
        let metrics = Metrics::new();
        let lines = Log::default();
        let access = AccessLog::to_writer(lines.clone()).build().unwrap();
        let reported = Reports::default();
        let sink = Arc::clone(&reported);
        let reports = ErrorReports::new(move |report| sink.lock().unwrap().push(report.clone()));
        let reports = reports.unwrap();
        let edge = portcullis_axum::edge()
            .api_keys(Keys::with_pepper(&pepper).and("alice", &key))
            .rate_limit(quota)
            .body_limit(LIMIT)
            .timeout(Duration::from_secs(1))
            .observe(tracing.clone())
            .observe(metrics.clone())
            .observe(access.clone())
            .observe(reports.clone())
            .build()
            .unwrap();
        Self {
            server: Server::start(app(edge)).await,
            key,
            log,
            exporter,
            tracing,
            metrics,
            access: (access, lines),
            reports: (reports, reported),
            _logs: logs,
        }
    }

    fn caller(&self) -> Caller {
        Caller {
            address: self.server.address(),
            key: Some(self.key.clone()),
        }
    }

    fn anonymous(&self) -> Caller {
        Caller {
            key: None,
            ..self.caller()
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.tracing.flush();
        self.exporter.get_finished_spans().unwrap()
    }
}

/// Asks over each protocol.
async fn all(caller: &Caller, text: &str) -> [Ended; 3] {
    let (grpc, connect, rest) =
        tokio::join!(caller.grpc(text), caller.connect(text), caller.rest(text));
    [grpc, connect, rest]
}

fn codes(ended: &[Ended; 3]) -> [&str; 3] {
    ended.each_ref().map(|ended| &*ended.code)
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut attributes = span.attributes.iter();
    let found = attributes.find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.as_str().into_owned())
}

/// The body limit, in bytes.
const LIMIT: u64 = 4096;

/// A quota that nobody spends.
const MUCH: Quota = Quota::per_second(1000);

#[tokio::test]
async fn each_client_reads_how_it_went() {
    let circle = Circle::start(MUCH).await;
    let (caller, large) = (circle.caller(), "x".repeat(LIMIT as usize + 1));
    let mut seen = Vec::new();
    for (caller, text, expected) in [
        (&caller, "hello", ["Ok", "ok", "ok"]),
        (
            &circle.anonymous(),
            "hello",
            ["Unauthenticated", "401 unauthenticated", "401"],
        ),
        (
            &caller,
            &*large,
            ["ResourceExhausted", "429 resource_exhausted", "413"],
        ),
        (
            &caller,
            "slow",
            ["DeadlineExceeded", "504 deadline_exceeded", "503"],
        ),
        (&caller, "panic", ["Internal", "500 internal", "500"]),
        (&caller, "fail", ["Unavailable", "503 unavailable", "503"]),
    ] {
        let ended = all(caller, text).await;
        assert_eq!(codes(&ended), expected, "{ended:#?}");
        seen.extend(ended);
    }

    let ids: HashSet<_> = seen.iter().map(|ended| &*ended.request_id).collect();
    assert_eq!(ids.len(), seen.len(), "each has one of its own");
    for ended in &seen {
        assert!(!ended.request_id.is_empty(), "{ended:?}");
        assert!(!ended.whole.contains("SELECT"), "{ended:?}");
        assert!(!ended.whole.contains("/srv/"), "{ended:?}");
        let detail_id = ended.detail_id.as_deref().unwrap_or(&ended.request_id);
        assert_eq!(detail_id, ended.request_id);
    }
    // All that the edge refused, and a REST handler.
    let detailed = seen.iter().filter(|ended| ended.detail_id.is_some());
    assert_eq!(detailed.count(), 4 * 3, "{seen:#?}");
}

#[tokio::test]
async fn each_line_of_the_log_is_of_one_request() {
    let circle = Circle::start(MUCH).await;
    let mut served = HashSet::new();
    for text in ["hello", "panic", "fail"] {
        let ended = all(&circle.caller(), text).await;
        served.extend(ended.map(|ended| ended.request_id));
    }

    let lines = circle.log.lines();
    let of: HashSet<_> = lines
        .iter()
        .map(|line| line.request_id().unwrap_or_else(|| panic!("{line:?}")))
        .collect();
    assert_eq!(of, served.iter().map(|id| &**id).collect());
    let count = |message| {
        lines
            .iter()
            .filter(|line| line.message() == message)
            .count()
    };
    assert_eq!(count("somebody speaks"), 9);
    assert_eq!(count("a query failed"), 3);
    assert_eq!(count("caught a panic"), 3);
    let panics = lines
        .iter()
        .filter(|line| line.message() == "caught a panic");
    for panic in panics {
        assert!(panic.contains(INTERNALS) && panic.contains("service.rs"));
    }
}

#[tokio::test]
async fn spans_and_metrics_know_what_was_refused() {
    let circle = Circle::start(MUCH).await;
    let mut sent = Vec::new();
    sent.extend(all(&circle.anonymous(), "hello").await);
    sent.extend(all(&circle.caller(), "panic").await);

    let spans = circle.spans();
    assert_eq!(spans.len(), 6);
    for ended in &sent {
        let is_of = |span: &&SpanData| {
            attribute(span, "portcullis.request_id").as_ref() == Some(&ended.request_id)
        };
        let span = spans.iter().find(is_of).unwrap();
        let is_panic = ["Internal", "500 internal", "500"].contains(&&*ended.code);
        let error = is_panic.then(|| "panic".to_owned());
        assert_eq!(attribute(span, "error.type"), error, "{ended:?} {span:?}");
    }
    let metrics = circle.metrics.encode();
    for kind in ["unauthenticated", "panicked"] {
        let counted = metrics
            .lines()
            .find(|line| line.starts_with("portcullis_rejections") && line.contains(kind));
        assert!(
            counted.is_some_and(|line| line.ends_with(" 3")),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn a_request_has_one_identity_everywhere() {
    let circle = Circle::start(MUCH).await;
    let mut sent = Vec::new();
    for (caller, text, outcome, level) in [
        (circle.caller(), "hello", "complete", "INFO"),
        (circle.anonymous(), "hello", "refused", "WARN"),
        (circle.caller(), "slow", "timed_out", "ERROR"),
        (circle.caller(), "panic", "panicked", "ERROR"),
    ] {
        let ended = all(&caller, text).await;
        sent.extend(ended.map(|ended| (ended.request_id, outcome, level)));
    }
    circle.access.0.flush(Duration::from_secs(5)).await.unwrap();
    assert!(circle.reports.0.flush(Duration::from_secs(5)).await);

    let (spans, lines) = (circle.spans(), circle.access.1.values());
    assert_eq!((spans.len(), lines.len()), (sent.len(), sent.len()));
    for (id, outcome, level) in &sent {
        let line = lines.iter().find(|line| line["request_id"] == **id);
        let line = line.unwrap_or_else(|| panic!("{id}: {lines:#?}"));
        assert_eq!(
            (&line["outcome"], &line["level"]),
            (&json!(outcome), &json!(level))
        );
        let of = |span: &&SpanData| attribute(span, "portcullis.request_id").as_ref() == Some(id);
        let span = spans.iter().find(of).unwrap();
        assert_eq!(line["trace_id"], span.span_context.trace_id().to_string());
    }
    let reports = circle.reports.1.lock().unwrap();
    let mut kinds = HashMap::new();
    for report in &*reports {
        let id = report.request_id().unwrap().to_string();
        let expected = match report.kind() {
            ErrorKind::Panic => "panicked",
            _ => "timed_out",
        };
        assert!(
            sent.iter()
                .any(|(sent, outcome, _)| *sent == id && *outcome == expected)
        );
        if let Some(panic) = report.panic() {
            assert_eq!(panic.message(), INTERNALS);
            assert!(panic.location().unwrap().contains("service.rs"));
        }
        *kinds.entry(report.kind()).or_insert(0) += 1;
    }
    assert_eq!(
        kinds,
        [(ErrorKind::Panic, 3), (ErrorKind::Timeout, 3)].into()
    );
}

#[tokio::test]
async fn who_calls_too_often_reads_when_to_come_back() {
    let circle = Circle::start(Quota::per_hour(1)).await;
    let caller = circle.caller();
    assert_eq!(caller.rest("hello").await.code, "ok");

    let ended = all(&caller, "hello").await;
    let expected = ["ResourceExhausted", "429 resource_exhausted", "429"];
    assert_eq!(codes(&ended), expected);
    let [grpc, connect, _] = &ended;
    assert!(grpc.whole.contains("grpc-retry-pushback-ms"), "{grpc:?}");
    assert!(
        connect.whole.contains("google.rpc.RetryInfo"),
        "{connect:?}"
    );
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented() {
    let circle = Circle::start(MUCH).await;
    let caller = circle.caller();
    let ended = caller.grpc_at("/circle.v1.Circle/Shout", "hello").await;
    assert_eq!(ended.code, "Unimplemented");
    assert!(!ended.request_id.is_empty());

    // By the protocol a Connect client infers the same from the status.
    let fields = [
        ("content-type", "application/json"),
        ("connect-protocol-version", "1"),
    ];
    let answer = caller.post("/circle.v1.Circle/Shout", &fields, "{}").await;
    assert_eq!(answer.status, 404);
    let ended = circle
        .anonymous()
        .grpc_at("/circle.v1.Circle/Shout", "x")
        .await;
    assert_eq!(ended.code, "Unauthenticated", "who is unknown is not told");
}

#[tokio::test]
async fn a_refused_call_is_one_frame_of_headers() {
    let circle = Circle::start(MUCH).await;
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    let request = circle.anonymous().request(SAY, &fields, Bytes::new());
    let mut client = Client::http2(circle.server.address()).await;
    let response = client.send(request).await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert!(http_body::Body::is_end_stream(response.body()));
}

#[tokio::test]
async fn calls_from_browsers_and_streams_are_refused_in_their_bodies() {
    let circle = Circle::start(MUCH).await;
    let send = async |content_type| {
        let fields = [("content-type", content_type)];
        let request = circle.anonymous().request(SAY, &fields, Bytes::new());
        let mut client = Client::http2(circle.server.address()).await;
        let response = client.send(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], content_type);
        response.into_body().collect().await.unwrap().to_bytes()
    };

    let web = send("application/grpc-web-text").await;
    let web = BASE64_STANDARD.decode(web).unwrap();
    assert_eq!(web[0], 0x80);
    assert!(web[5..].starts_with(b"grpc-status: 16\r\n"));
    for content_type in ["application/connect+json", "application/connect+proto"] {
        let stream = send(content_type).await;
        assert_eq!(stream[0], 0x02);
        let last: Value = serde_json::from_slice(&stream[5..]).unwrap();
        assert_eq!(last["error"]["code"], "unauthenticated");
    }
    let path = format!("{SAY}?connect=v1&encoding=json&message=%7B%7D");
    let answer = Client::http1(circle.server.address())
        .await
        .get(&path)
        .await;
    assert_eq!(answer.status, 401);
    let error: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(error["code"], "unauthenticated");
}

#[tokio::test]
async fn the_time_that_a_client_has_is_the_time_of_its_call() {
    let circle = Circle::start(MUCH).await;
    let fields = [
        ("content-type", "application/grpc"),
        ("grpc-timeout", "50m"),
    ];
    // A frame with `text: "slow"`.
    let slow = Bytes::from_static(b"\0\0\0\0\x06\x0a\x04slow");
    let request = circle.caller().request(SAY, &fields, slow);
    let started = tokio::time::Instant::now();
    let answer = Client::http2(circle.server.address())
        .await
        .ask(request)
        .await;

    assert_eq!(answer.header("grpc-status"), "4", "{answer:?}");
    let fields = [("connect-timeout-ms", "50")];
    let answer = circle
        .caller()
        .connect_with(&fields, r#"{"text":"slow"}"#)
        .await;
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(started.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_stream_that_fails_half_way_is_no_whole_stream() {
    let circle = Circle::start(MUCH).await;
    let caller = circle.caller();

    assert_eq!(caller.grpc_stream("hello").await, (2, Code::Ok));
    assert_eq!(caller.grpc_stream("fail").await, (1, Code::Unavailable));
    // The stream is reset, which may overtake what was sent before. Libraries read that differently.
    let (came, code) = caller.grpc_stream("panic").await;
    assert!(
        came <= 1 && [Code::Internal, Code::Unknown].contains(&code),
        "{code:?}"
    );
}

#[tokio::test]
async fn a_conversation_flows_and_is_one_exchange() {
    let circle = Circle::start(MUCH).await;
    let url = format!("ws://{}/live", circle.server.address());
    let mut request = url.into_client_request().unwrap();
    let refused = tokio_tungstenite::connect_async(request.clone()).await;
    let Err(tungstenite::Error::Http(refused)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );

    let key = circle.key.expose().parse().unwrap();
    request.headers_mut().insert("x-api-key", key);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let echoed = socket.next().await.unwrap().unwrap();
        assert_eq!(echoed.into_text().unwrap(), text);
    }
    assert_eq!(circle.spans().len(), 1, "the refused one");
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    let ended = async || {
        while circle.spans().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), ended()).await.unwrap();
    let spans = circle.spans();
    let status = |span: &SpanData| attribute(span, "http.response.status_code");
    assert_eq!(status(&spans[1]).as_deref(), Some("101"));
    assert_eq!(attribute(&spans[1], "error.type"), None);
}
