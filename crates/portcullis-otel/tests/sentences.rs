//! Sentences of the docs, each held by a test.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::HashMap,
    convert::Infallible,
    ffi::OsString,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::ffi::OsStringExt,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use portcullis::{Exchange, Facts, ObserveLayer, Observer};
use portcullis_otel::{ClientTraceLayer, Propagator, Telemetry, Tracing};
use tower::{Layer, ServiceExt, service_fn};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn built(variables: &[(&str, &str)]) -> Result<Telemetry, String> {
    let variables = variables.iter().copied();
    let telemetry = Telemetry::builder("sentences").variables(variables).build();
    telemetry.map_err(|error| error.to_string())
}

/// A collector that answers 200, or nothing at all, and keeps what it gets.
fn collector(answers: bool) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::<Mutex<Vec<u8>>>::default();
    let kept = Arc::clone(&got);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, kept) = (stream.unwrap(), Arc::clone(&kept));
            thread::spawn(move || serve(stream, &kept, answers));
        }
    });
    (endpoint, got)
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<u8>>, answers: bool) {
    let mut buffer = Vec::new();
    let mut part = [0; 65536];
    while let Ok(n @ 1..) = stream.read(&mut part) {
        buffer.extend_from_slice(&part[..n]);
        if !answers {
            continue;
        }
        while let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if buffer.len() < end + 4 + length {
                break;
            }
            kept.lock()
                .unwrap()
                .extend_from_slice(&buffer[end + 4..end + 4 + length]);
            buffer.drain(..end + 4 + length);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    }
}

/// Keeps exchanges.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Exchange>>>);

impl Observer for Seen {
    fn end(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

/// Asks a handler once, with these fields. Returns the exchange, and the baggage that the handler saw.
async fn ask(tracing: Tracing, trusted: bool, fields: &[(&str, &str)]) -> (Exchange, usize) {
    let seen = Seen::default();
    let baggage = Arc::new(Mutex::new(0));
    let found = Arc::clone(&baggage);
    let handler = service_fn(move |_| {
        *found.lock().unwrap() = Context::current().baggage().len();
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let mut request = Request::get("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Full::<Bytes>::default()).unwrap();
    if trusted {
        Facts::of_mut(request.extensions_mut()).trust_peer();
    }
    let layer = ObserveLayer::new(tracing).and(seen.clone());
    let response = layer.layer(handler).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    let exchange = seen.0.lock().unwrap()[0].clone();
    let baggage = *baggage.lock().unwrap();
    (exchange, baggage)
}

/// The same sentence, and "from 0 to 1, for `traceidratio`".
#[test]
fn an_argument_without_a_sampler_that_reads_it_is_not_ignored() {
    let alone = built(&[("OTEL_TRACES_SAMPLER_ARG", "0.1")]);
    let wrong = built(&[("OTEL_TRACES_SAMPLER_ARG", "a tenth")]);
    let other = built(&[
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "7"),
    ]);
    let ok = [alone.is_ok(), wrong.is_ok(), other.is_ok()];
    assert_eq!(ok, [false; 3], "accepted without a word");
}

/// docs/telemetry.md, `OTEL_SDK_DISABLED`: "of the other variables only `OTEL_PROPAGATORS` is read".
#[test]
fn where_the_sdk_is_disabled_no_other_variable_is_read() {
    let variables = [
        (OsString::from("OTEL_SDK_DISABLED"), OsString::from("true")),
        (
            OsString::from("OTEL_SERVICE_NAME"),
            OsString::from_vec(vec![0xFF, 0xFE]),
        ),
    ];
    let built = Telemetry::builder("sentences").variables(variables).build();
    assert!(built.is_ok(), "{}", built.unwrap_err());
}

/// docs/telemetry.md: "`OTEL_PROPAGATORS` | honoured | `tracecontext`, `baggage`, or `none`". For what is
/// sent:
#[tokio::test]
async fn no_propagator_sends_nothing_with_a_call() {
    let sent = sent_with("none").await;
    assert!(!sent.contains_key("traceparent"), "none: {sent:?}");
}

#[tokio::test]
async fn trace_context_alone_sends_no_baggage_with_a_call() {
    let sent = sent_with("tracecontext").await;
    assert!(!sent.contains_key("baggage"), "tracecontext: {sent:?}");
}

async fn sent_with(propagators: &str) -> HeaderMap {
    let _telemetry = built(&[("OTEL_PROPAGATORS", propagators)]).unwrap();
    let upstream = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Response::new(request.headers().clone()))
    });
    let client = ClientTraceLayer::new().layer(upstream);
    let span = SpanContext::new(
        1.into(),
        2.into(),
        TraceFlags::NOT_SAMPLED,
        false,
        TraceState::NONE,
    );
    let context = Context::new()
        .with_remote_span_context(span)
        .with_baggage([opentelemetry::KeyValue::new("tenant", "a")]);
    let call = client.oneshot(Request::get("http://a.example/").body(()).unwrap());
    // As a handler finds it: the call begins with its first poll.
    let call = opentelemetry::trace::FutureExt::with_context(call, context);
    call.await.unwrap().into_body()
}

/// The same row, for what is read.
#[tokio::test]
async fn trace_context_alone_reads_no_baggage() {
    let telemetry = built(&[("OTEL_PROPAGATORS", "tracecontext")]).unwrap();
    let tracing = telemetry.tracing().allow_baggage(["tenant"]);
    let (_, baggage) = ask(tracing, true, &[("baggage", "tenant=a")]).await;
    assert_eq!(baggage, 0);
}

#[tokio::test]
async fn no_propagator_reads_no_trace_context() {
    let (endpoint, _) = collector(true);
    let telemetry = built(&[
        ("OTEL_PROPAGATORS", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
    ])
    .unwrap();
    let (exchange, _) = ask(telemetry.tracing(), true, &[("traceparent", PARENT)]).await;
    let link = exchange.trace().unwrap().link;
    assert!(link.is_none(), "linked to what it must not read: {link:?}");
}

/// docs/telemetry.md: "A variable is honoured, or it is refused"; `OTEL_TRACES_SAMPLER`: `always_off` is
/// "and each with `parentbased_`". lib.rs: "What comes in and goes out is W3C Trace Context .. whether or
/// not anything is exported".
#[tokio::test]
async fn a_sampler_counts_without_an_endpoint() {
    let fields = [("traceparent", PARENT)];
    let off = built(&[("OTEL_TRACES_SAMPLER", "always_off")]).unwrap();
    let (off, _) = ask(off.tracing(), true, &fields).await;
    let on = built(&[("OTEL_TRACES_SAMPLER", "always_on")]).unwrap();
    let (on, _) = ask(on.tracing(), false, &[]).await;
    let flags = [off, on].map(|exchange| exchange.trace().unwrap().flags & 1);
    assert_eq!(flags, [0, 1], "sampled, with always_off and always_on");
}

#[tokio::test]
async fn always_off_with_an_endpoint_ignores_a_trusted_parent() {
    let (endpoint, _) = collector(true);
    let off = built(&[
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
    ])
    .unwrap();
    let (off, _) = ask(off.tracing(), true, &[("traceparent", PARENT)]).await;
    assert_eq!(off.trace().unwrap().flags & 1, 0);
}

/// docs/telemetry.md: "`OTEL_SPAN_LINK_COUNT_LIMIT` | honoured | links of a span: 128".
#[tokio::test(flavor = "multi_thread")]
async fn no_more_links_than_the_limit_are_sent() {
    let (endpoint, got) = collector(true);
    let telemetry = built(&[
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
    ])
    .unwrap();
    ask(telemetry.tracing(), false, &[("traceparent", PARENT)]).await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .unwrap();
    let got = got.lock().unwrap().clone();
    assert!(!got.is_empty(), "nothing was sent");
    let linked = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    let has_link = got.windows(16).any(|sixteen| sixteen == linked);
    assert!(!has_link, "a link was sent, with a limit of 0");
}

/// lib.rs: baggage "at most 64 members and 8,192 bytes".
#[test]
fn baggage_is_at_most_8192_bytes_as_it_is_written() {
    let member = |at: usize| format!("{at:02}={}", "x".repeat(125));
    let list = (0..64).map(member).collect::<Vec<_>>().join(",");
    assert_eq!(list.len(), 64 * 128 + 63);
    let fields = HashMap::from([("baggage".to_owned(), list)]);
    let keys: Vec<_> = (0..64).map(|at| format!("{at:02}")).collect();
    let context = Propagator::new().allow_baggage(keys).extract(&fields);
    let kept = context.baggage();
    let written: usize = kept
        .iter()
        .map(|(key, (value, _))| key.as_str().len() + 1 + value.as_str().len() + 1)
        .sum();
    assert!(
        written - 1 <= 8192,
        "{} members, {written} bytes",
        kept.len()
    );
}

/// export/target.rs and variables/pairs.rs: "Values may be secrets: none is repeated." The most common
/// mistake is to write a header as HTTP does.
#[test]
fn a_header_that_is_written_wrong_is_not_repeated() {
    let wrong = built(&[(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization: Bearer aHVudGVyMg==",
    )]);
    let error = wrong.unwrap_err();
    assert!(!error.contains("aHVudGVyMg"), "{error}");
}

/// export/endpoint.rs: "A password is not repeated."
#[test]
fn a_token_in_an_endpoint_that_is_refused_is_not_repeated() {
    for (name, endpoint) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://a.example/?api_key=hunter2",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "a.example/v1/traces?api_key=hunter2",
        ),
    ] {
        let error = built(&[(name, endpoint)]).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// docs/telemetry.md: an endpoint of a signal is "used as it is"; "The log has one line when a collector
/// fails". What is in the line is no secret. And lines at every level are exported without end.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_collector_that_fails_has_no_secret_and_logs_cause_no_logs() {
    use tracing_subscriber::prelude::*;
    let (endpoint, got) = collector(true);
    let telemetry = Telemetry::builder("sentences")
        .variables([
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", endpoint.as_str()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://127.0.0.1:1/v1/traces?api_key=hunter2",
            ),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100"),
        ])
        .level(tracing::Level::TRACE)
        .build()
        .unwrap();
    let written = Written::default();
    let out = written.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || out.clone());
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(tracing_subscriber::filter::LevelFilter::INFO));
    subscriber.with(telemetry.layer()).init();
    ask(telemetry.tracing(), false, &[]).await;
    tracing::info!("once");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = got.lock().unwrap().len();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let after = got.lock().unwrap().len();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let grew = after - before;
    // Other tests of this process log too, but seldom.
    assert!(
        before > 0 && grew < 5_000,
        "{before} bytes, and then {grew} more"
    );
    assert!(text.contains("telemetry is not exported"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

struct Refuses;

impl portcullis::Guard for Refuses {
    fn admit(
        &self,
        _: &mut http::request::Parts,
        _: &mut portcullis::Reply,
    ) -> portcullis::Verdict {
        portcullis::RejectionKind::Unavailable.into()
    }
}

/// metrics/mod.rs, `error.type`, as `Exchange::error_type`: see the same test of Prometheus' page.
#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_that_is_refused_is_a_503_in_otlp_metrics() {
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.clone())
        .build();
    let edge = portcullis::Edge::new()
        .observe(portcullis_otel::Metrics::new(&provider))
        .guard(portcullis::Slot::LoadShed, Refuses)
        .build()
        .unwrap();
    let app =
        service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let request = Request::post("/a.B/C")
        .header("host", "localhost")
        .header("content-type", "application/grpc")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = edge.layer(app).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    provider.force_flush().unwrap();
    let all = format!("{:?}", exporter.get_finished_metrics().unwrap());
    let at = all.find("error.type").unwrap();
    let shown: String = all[at..].chars().take(60).collect();
    assert!(shown.contains("503"), "{shown}");
}
