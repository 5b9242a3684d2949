//! The variable of known methods counts for calls that an application makes. A process of its own: like
//! OpenTelemetry's providers, the list is one for all.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;

use http::{Method, Request, Response};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use portcullis_otel::{ClientTraceLayer, Telemetry};
use tower::{Layer, ServiceExt, service_fn};

async fn call(method: &str) {
    let upstream = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let mut request = Request::get("http://api.example/").body(()).unwrap();
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    let client = ClientTraceLayer::new().layer(upstream);
    let Ok(_) = client.oneshot(request).await;
}

fn get(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|kv| kv.key.as_str() == key);
    found.map(|kv| kv.value.to_string())
}

/// The methods of the series, in order.
fn measured(metrics: &InMemoryMetricExporter) -> Vec<KeyValue> {
    let all = metrics.get_finished_metrics().unwrap();
    let mut scopes = all.last().unwrap().scope_metrics();
    let metric = scopes.next().unwrap().metrics().next().unwrap();
    assert_eq!(metric.name(), "http.client.request.duration");
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
        panic!("{metric:?}");
    };
    let mut methods: Vec<_> = histogram
        .data_points()
        .flat_map(|point| point.attributes())
        .filter(|kv| kv.key.as_str() == "http.request.method")
        .cloned()
        .collect();
    methods.sort_by_key(|kv| kv.value.to_string());
    methods
}

#[tokio::test]
async fn the_variable_counts_for_outgoing_calls() {
    let spans = InMemorySpanExporter::default();
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone());
    let metrics = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone());
    let meters = meters.build();
    global::set_tracer_provider(tracers.build());
    global::set_meter_provider(meters.clone());
    let known = [("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PURGE, POST")];
    let telemetry = Telemetry::builder("test").variables(known).build();
    let _telemetry = telemetry.unwrap();

    call("PURGE").await;
    call("GET").await;

    let spans = spans.get_finished_spans().unwrap();
    let known = [
        get(&spans[0], "http.request.method"),
        get(&spans[0], "http.request.method_original"),
    ];
    assert_eq!(
        (&*spans[0].name, known),
        ("PURGE", [Some("PURGE".into()), None])
    );
    let other = [
        get(&spans[1], "http.request.method"),
        get(&spans[1], "http.request.method_original"),
    ];
    let expected = [Some("_OTHER".into()), Some("GET".into())];
    assert_eq!((&*spans[1].name, other), ("HTTP", expected));
    meters.force_flush().unwrap();
    let expected = ["PURGE", "_OTHER"].map(|name| KeyValue::new("http.request.method", name));
    assert_eq!(measured(&metrics), expected);
}
