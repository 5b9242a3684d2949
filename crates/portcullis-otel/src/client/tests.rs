use std::{convert::Infallible, future::pending, io, sync::LazyLock};

use http::{HeaderName, Request, Response, StatusCode};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    baggage::BaggageExt,
    global,
    trace::{
        SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    },
};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, SdkMeterProvider,
        data::{AggregatedMetrics, HistogramDataPoint, MetricData},
    },
    trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData},
};
use portcullis_core::{Facts, RequestId};
use tower::{Layer, Service, service_fn};

use super::ClientTraceLayer;

/// The global providers, set once for all tests of a process.
struct Exporters {
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
    meters: SdkMeterProvider,
}

static EXPORTERS: LazyLock<Exporters> = LazyLock::new(|| {
    let spans = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(spans.clone());
    let tracers = SdkTracerProvider::builder().with_span_processor(processor);
    global::set_tracer_provider(tracers.build());
    let metrics = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone());
    let meters = meters.build();
    global::set_meter_provider(meters.clone());
    Exporters {
        spans,
        metrics,
        meters,
    }
});

/// A context as an exchange has it.
fn exchange(flags: u8) -> (Context, TraceId) {
    LazyLock::force(&EXPORTERS);
    let trace = TraceId::from(rand::random::<u128>());
    let (span, flags) = (SpanId::from(7), TraceFlags::new(flags));
    let span = SpanContext::new(trace, span, flags, false, TraceState::NONE);
    (Context::new().with_remote_span_context(span), trace)
}

fn spans(trace: TraceId) -> Vec<SpanData> {
    let all = EXPORTERS.spans.get_finished_spans().unwrap();
    let all = all.into_iter();
    all.filter(|span| span.span_context.trace_id() == trace)
        .collect()
}

/// Sends a call in a sampled exchange that ends with this status, and returns its span.
async fn span(request: Request<()>, status: u16) -> SpanData {
    let (context, trace) = exchange(3);
    let upstream = service_fn(move |_: Request<()>| async move {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok::<_, Infallible>(response)
    });
    let call = {
        let _handler = context.attach();
        ClientTraceLayer::new().layer(upstream).call(request)
    };
    call.await.unwrap();
    let mut spans = spans(trace);
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn get(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|kv| kv.key.as_str() == key);
    let value = found.next().map(|kv| kv.value.to_string());
    assert!(found.next().is_none(), "{key} is there once");
    value
}

fn call_of(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

#[tokio::test]
async fn a_span_says_what_the_conventions_ask_for() {
    let span = span(
        call_of("https://api.example:8443/users?page=2&sig=SECRET"),
        200,
    )
    .await;

    assert_eq!((&*span.name, &span.span_kind), ("GET", &SpanKind::Client));
    assert_eq!(span.parent_span_id, SpanId::from(7));
    assert_eq!(span.span_context.trace_flags().to_u8(), 3);
    let expected = [
        ("http.request.method", "GET"),
        ("server.address", "api.example"),
        ("server.port", "8443"),
        (
            "url.full",
            "https://api.example:8443/users?page=2&sig=REDACTED",
        ),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
    ];
    for (key, value) in expected {
        assert_eq!(get(&span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(span.attributes.len(), expected.len(), "and nothing else");
    assert_eq!(span.status, Status::Unset);
    let scope: &InstrumentationScope = &span.instrumentation_scope;
    assert_eq!(scope.name(), "portcullis");
}

#[tokio::test]
async fn a_url_has_no_credentials_and_the_schemes_port() {
    let cases = [
        (
            "http://me:secret@a.example/x",
            "http://REDACTED:REDACTED@a.example/x",
            "80",
        ),
        (
            "https://me@a.example/",
            "https://REDACTED:REDACTED@a.example/",
            "443",
        ),
        ("https://[::1]/", "https://[::1]/", "443"),
    ];
    for (uri, full, port) in cases {
        let span = span(call_of(uri), 200).await;
        assert_eq!(get(&span, "url.full").as_deref(), Some(full));
        assert_eq!(get(&span, "server.port").as_deref(), Some(port));
        let host = get(&span, "server.address").unwrap();
        assert!(host == "a.example" || host == "::1", "{host}");
    }
    let long = format!("http://a.example/{}", "x".repeat(9000));
    let span = span(call_of(&long), 200).await;
    assert_eq!(get(&span, "url.full").unwrap().len(), 2048);
}

#[tokio::test]
async fn a_request_without_a_host_in_its_uri_has_one_in_a_field() {
    let mut request = call_of("/path");
    let host = "b.example:81".parse().unwrap();
    request.headers_mut().insert("host", host);
    let with = span(request, 200).await;
    assert_eq!(get(&with, "server.address").as_deref(), Some("b.example"));
    assert_eq!(get(&with, "server.port").as_deref(), Some("81"));
    assert_eq!(get(&with, "url.full").as_deref(), Some("/path"));

    let without = span(call_of("/path"), 200).await;
    assert_eq!(get(&without, "server.address"), None);
}

#[tokio::test]
async fn errors_are_from_400_on() {
    for (status, error) in [(399, None), (404, Some("404")), (503, Some("503"))] {
        let span = span(call_of("http://a.example/"), status).await;
        assert_eq!(get(&span, "error.type").as_deref(), error);
        let expected = error.map_or(Status::Unset, |_| Status::error(""));
        assert_eq!(span.status, expected, "{status}");
    }
}

#[tokio::test]
async fn an_unknown_method_is_other() {
    let mut request = call_of("http://a.example/");
    *request.method_mut() = "FETCH".parse().unwrap();
    let span = span(request, 200).await;

    assert_eq!(span.name, "HTTP");
    assert_eq!(get(&span, "http.request.method").as_deref(), Some("_OTHER"));
    let original = get(&span, "http.request.method_original");
    assert_eq!(original.as_deref(), Some("FETCH"));
}

#[tokio::test]
async fn a_failed_call_is_of_its_errors_type() {
    let (context, trace) = exchange(3);
    let broken = service_fn(|_: Request<()>| async {
        Err::<Response<()>, _>(io::Error::other("the text is not told"))
    });
    let call = {
        let _handler = context.attach();
        ClientTraceLayer::new()
            .layer(broken)
            .call(call_of("http://a.example/"))
    };
    call.await.unwrap_err();
    let span = &spans(trace)[0];

    assert_eq!(
        get(span, "error.type").as_deref(),
        Some("std::io::error::Error")
    );
    assert_eq!(span.status, Status::error(""));
    assert_eq!(get(span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    let (context, trace) = exchange(3);
    let hangs = service_fn(|_: Request<()>| pending::<Result<Response<()>, Infallible>>());
    {
        let _handler = context.attach();
        let mut client = ClientTraceLayer::new().layer(hangs);
        drop(client.call(call_of("http://a.example/")));
    }

    let span = &spans(trace)[0];
    assert_eq!(get(span, "error.type").as_deref(), Some("cancelled"));
}

/// Returns the headers of a call in a context.
async fn sent(context: Context, layer: ClientTraceLayer, request: Request<()>) -> http::HeaderMap {
    let upstream = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Response::new(request.headers().clone()))
    });
    let call = {
        let _handler = context.attach();
        layer.layer(upstream).call(request)
    };
    call.await.unwrap().into_body()
}

#[tokio::test]
async fn what_is_sent_names_the_calls_span() {
    let (context, trace) = exchange(3);
    let sent = sent(
        context,
        ClientTraceLayer::new(),
        call_of("http://a.example/"),
    )
    .await;
    let span = &spans(trace)[0];

    let expected = format!("00-{trace}-{}-03", span.span_context.span_id());
    assert_eq!(sent["traceparent"], expected);
}

#[tokio::test]
async fn what_is_not_sampled_has_no_span_and_goes_on() {
    let (context, trace) = exchange(2);
    let sent = sent(
        context,
        ClientTraceLayer::new(),
        call_of("http://a.example/"),
    )
    .await;

    assert!(spans(trace).is_empty());
    let sent = sent["traceparent"].to_str().unwrap();
    assert!(
        sent.starts_with(&format!("00-{trace}-")) && sent.ends_with("-02"),
        "{sent}"
    );
    assert!(
        !sent.contains("0000000000000007"),
        "it has an ID of its own"
    );
}

#[tokio::test]
async fn fields_that_a_handler_copied_are_replaced() {
    let (context, _) = exchange(2);
    let mut request = call_of("http://a.example/");
    for name in ["traceparent", "tracestate", "baggage"] {
        request
            .headers_mut()
            .insert(name, "evil=1".parse().unwrap());
    }
    let own = context.with_baggage([KeyValue::new("tenant", "a b")]);
    let sent = sent(own, ClientTraceLayer::new(), request).await;

    assert_ne!(sent["traceparent"], "evil=1");
    assert!(!sent.contains_key("tracestate"));
    assert_eq!(sent["baggage"], "tenant=a%20b");
}

#[tokio::test]
async fn a_service_of_others_learns_nothing() {
    let (context, trace) = exchange(3);
    let own = context.with_baggage([KeyValue::new("tenant", "a")]);
    let layer = ClientTraceLayer::new().without_fields();
    let mut request = call_of("http://a.example/");
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"id").unwrap());
    let sent = sent(own, layer, request).await;

    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(spans(trace).len(), 1);
}

#[tokio::test]
async fn the_requests_id_comes_from_the_call_itself_or_the_exchange() {
    let with_fact = || {
        let mut request = call_of("http://a.example/");
        Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"fact").unwrap());
        request
    };
    let none = sent(Context::new(), ClientTraceLayer::new(), call_of("/")).await;
    assert!(!none.contains_key("x-request-id"));
    let fact = sent(Context::new(), ClientTraceLayer::new(), with_fact()).await;
    assert_eq!(fact["x-request-id"], "fact");

    let mut set = with_fact();
    set.headers_mut()
        .insert("x-request-id", "own".parse().unwrap());
    let own = sent(Context::new(), ClientTraceLayer::new(), set).await;
    assert_eq!(own["x-request-id"], "own");

    let name = HeaderName::from_static("request-id");
    let layer = ClientTraceLayer::new().with_request_id_header(name);
    let other = sent(Context::new(), layer, with_fact()).await;
    assert_eq!(other["request-id"], "fact");
}

#[tokio::test]
async fn the_client_below_runs_in_the_calls_span() {
    let (context, trace) = exchange(3);
    let upstream = service_fn(|_: Request<()>| {
        let called = Context::current().span().span_context().clone();
        async move {
            tokio::task::yield_now().await;
            let polled = Context::current().span().span_context().clone();
            Ok::<_, Infallible>(Response::new([called, polled]))
        }
    });
    let call = {
        let _handler = context.attach();
        ClientTraceLayer::new().layer(upstream).call(call_of("/"))
    };
    let seen = call.await.unwrap().into_body();

    let span = &spans(trace)[0].span_context;
    assert_eq!(seen.map(|seen| seen.span_id()), [span.span_id(); 2]);
    assert!(
        !Context::current().has_active_span(),
        "it ended with the poll"
    );
}

/// The points of the histogram for calls of a host, and its unit.
fn durations(host: &str) -> Vec<HistogramDataPoint<f64>> {
    EXPORTERS.meters.force_flush().unwrap();
    let all = EXPORTERS.metrics.get_finished_metrics().unwrap();
    let last = all.last().unwrap();
    let mut metrics = last.scope_metrics().flat_map(|scope| scope.metrics());
    let metric = metrics.find(|metric| metric.name() == "http.client.request.duration");
    let metric = metric.expect("there is a metric");
    assert_eq!(metric.unit(), "s");
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
        panic!("{metric:?}");
    };
    let host = KeyValue::new("server.address", host.to_owned());
    let points = histogram.data_points();
    let points = points.filter(|point| point.attributes().any(|own| *own == host));
    points.cloned().collect()
}

#[tokio::test]
async fn each_call_is_measured_sampled_or_not() {
    let layer = ClientTraceLayer::new();
    for flags in [0, 3, 0] {
        let (context, _) = exchange(flags);
        sent(
            context,
            layer.clone(),
            call_of("http://measured.example/a/b?c"),
        )
        .await;
    }
    let points = durations("measured.example");

    assert_eq!(points.len(), 1);
    assert_eq!(points[0].count(), 3);
    let mut attributes: Vec<_> = points[0].attributes().map(ToOwned::to_owned).collect();
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
    let expected = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("server.address", "measured.example"),
        KeyValue::new("server.port", 80),
    ];
    assert_eq!(attributes, expected, "no path, and no ID");
    let bounds: Vec<_> = points[0].bounds().collect();
    assert_eq!((bounds.first(), bounds.last()), (Some(&0.005), Some(&10.0)));
}
