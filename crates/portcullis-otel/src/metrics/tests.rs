use std::{
    convert::Infallible,
    future::pending,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, Metric, MetricData},
};
use portcullis::{
    Count, Counts, Edge, Guard, ObserveLayer, Rejection, RejectionKind, Reply, Slot, Verdict,
    body_limit::RequestBody,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;

type Body = Full<Bytes>;

struct Collected {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Collected {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        Self {
            provider: SdkMeterProvider::builder().with_reader(reader).build(),
            exporter,
        }
    }

    /// Every series of every metric as one line: `name unit {attributes} value`.
    fn lines(&self) -> Vec<String> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let finished = self.exporter.get_finished_metrics().unwrap();
        let mut lines = Vec::new();
        for scope in finished
            .iter()
            .flat_map(|resource| resource.scope_metrics())
        {
            assert_eq!(scope.scope().name(), "portcullis");
            assert_eq!(scope.scope().version(), Some(env!("CARGO_PKG_VERSION")));
            let schema = scope.scope().schema_url().unwrap();
            assert!(schema.ends_with("/1.44.0"), "{schema}");
            lines.extend(scope.metrics().flat_map(series));
        }
        lines.sort();
        lines
    }

    fn of(&self, start: &str) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines.filter(|line| line.starts_with(start)).collect()
    }
}

fn attributes<'a>(attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> String {
    let mut all: Vec<_> = attributes
        .map(|both| format!("{}={}", both.key, both.value))
        .collect();
    all.sort();
    all.join(",")
}

fn series(metric: &Metric) -> Vec<String> {
    let start = format!("{} {}", metric.name(), metric.unit());
    match metric.data() {
        AggregatedMetrics::F64(data) => points(&start, data),
        AggregatedMetrics::U64(data) => points(&start, data),
        AggregatedMetrics::I64(data) => points(&start, data),
    }
}

fn points<T: Copy + fmt::Debug>(start: &str, data: &MetricData<T>) -> Vec<String> {
    match data {
        MetricData::Sum(sum) => {
            let kind = if sum.is_monotonic() {
                "counter"
            } else {
                "up-down"
            };
            let line = |labels, value: T| format!("{start} {kind} {{{labels}}} {value:?}");
            let points = sum.data_points();
            points
                .map(|point| line(attributes(point.attributes()), point.value()))
                .collect()
        }
        MetricData::Gauge(gauge) => {
            let line = |labels, value: T| format!("{start} gauge {{{labels}}} {value:?}");
            let points = gauge.data_points();
            points
                .map(|point| line(attributes(point.attributes()), point.value()))
                .collect()
        }
        MetricData::Histogram(histogram) => {
            let points = histogram.data_points().map(|point| {
                let labels = attributes(point.attributes());
                let bounds = point.bounds().count();
                format!("{start} {bounds} buckets {{{labels}}} {}", point.count())
            });
            points.collect()
        }
        MetricData::ExponentialHistogram(_) => vec![format!("{start} exponential")],
    }
}

async fn answer(request: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    let status = request.uri().query().and_then(|code| code.parse().ok());
    let mut response = Response::new(Body::from("hello"));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(response)
}

fn route(extensions: &Extensions) -> Option<&str> {
    extensions.get::<String>().map(String::as_str)
}

async fn send(metrics: &Metrics, method: &str, query: &str, template: Option<&str>) {
    let request = Request::builder().method(method).uri(format!("/?{query}"));
    let mut request = request.body(Body::from("four")).unwrap();
    if let Some(template) = template {
        request.extensions_mut().insert(template.to_owned());
    }
    let layer = ObserveLayer::new(metrics.clone()).route_from(route);
    let response = layer
        .layer(service_fn(answer))
        .oneshot(request)
        .await
        .unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn exchanges_have_the_names_and_the_attributes_of_the_conventions() {
    let collected = Collected::new();
    let metrics = Metrics::new(&collected.provider);
    send(&metrics, "GET", "200", Some("/users/{id}")).await;
    send(&metrics, "EVIL", "503", None).await;

    let served = "http.request.method=GET,http.response.status_code=200,http.route=/users/{id},\
                  url.scheme=http";
    let failed = "error.type=503,http.request.method=_OTHER,http.response.status_code=503,\
                  url.scheme=http";
    for (start, buckets) in [
        ("http.server.request.duration s", 14),
        ("http.server.request.body.size By", 11),
        ("http.server.response.body.size By", 11),
    ] {
        let expected =
            [failed, served].map(|labels| format!("{start} {buckets} buckets {{{labels}}} 1"));
        assert_eq!(collected.of(start), expected);
    }
    let expected = ["GET", "_OTHER"].map(|method| {
        format!(
            "http.server.active_requests {{request}} up-down \
             {{http.request.method={method},url.scheme=http}} 0"
        )
    });
    assert_eq!(collected.of("http.server.active"), expected);
}

#[tokio::test]
async fn what_waits_is_in_flight_until_it_is_dropped() {
    let collected = Collected::new();
    let metrics = Metrics::new(&collected.provider);
    let stuck =
        service_fn(|_: Request<RequestBody<Body>>| pending::<Result<Response<Body>, Infallible>>());
    let mut service = ObserveLayer::new(metrics).layer(stuck);
    let active = || collected.of("http.server.active").concat();

    let future = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Body::default()));
    assert!(active().ends_with(" 1"));
    drop(future);
    assert!(active().ends_with(" 0"));
    let gone = collected.of("http.server.request.duration").concat();
    assert!(gone.contains("error.type=client_disconnect"), "{gone}");
}

#[tokio::test]
async fn refusals_and_what_guards_count_are_shown() {
    struct Closed;
    impl Guard for Closed {
        fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
            if head.uri.path() == "/busy" {
                return Rejection::new(RejectionKind::Overloaded).into();
            }
            let rejection = Rejection::new(RejectionKind::RateLimited).with_layer("gate");
            rejection.with_violated_policy("hourly").into()
        }

        fn counts(&self) -> Vec<Count> {
            vec![
                Count::total("portcullis_gate_refused", "Refused", 7).label("policy", "hourly"),
                Count::gauge("portcullis_gate_open", "Whether it is open", 1),
            ]
        }
    }
    let collected = Collected::new();
    let edge = Edge::new()
        .observe(Metrics::new(&collected.provider))
        .guard(Slot::LoadShed, Closed);
    let service = edge.build().unwrap().layer(service_fn(answer));
    for path in ["/", "/busy"] {
        let request = Request::builder().uri(path).header("host", "a");
        let request = request.body(Body::default()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    let expected = [
        "portcullis.gate_open  gauge {} 1",
        "portcullis.gate_refused  counter {policy=hourly} 7",
        "portcullis.rejections {request} counter {layer=gate,policy=hourly,reason=rate-limited} 1",
    ];
    let mut lines = collected.of("portcullis.");
    let unnamed = lines.iter().filter(|line| line.contains("overloaded"));
    let expected_of_unnamed = "portcullis.rejections {request} counter {reason=overloaded} 1";
    assert_eq!(unnamed.collect::<Vec<_>>(), [expected_of_unnamed]);
    lines.retain(|line| line.contains("gate"));
    assert_eq!(lines, expected);
}

/// What grows with each reading, and counts more things after a while.
#[derive(Default)]
struct Growing {
    readings: AtomicU64,
    has_more: AtomicBool,
}

struct Shared(Arc<Growing>);

impl Counts for Shared {
    fn counts(&self) -> Vec<Count> {
        let Self(growing) = self;
        let reading = growing.readings.fetch_add(1, Relaxed);
        let mut counts = vec![
            Count::total("portcullis_a", "A", reading),
            Count::total("portcullis_b", "B", reading),
        ];
        if growing.has_more.load(Relaxed) {
            counts.push(Count::total("portcullis_late", "Late", 7));
        }
        counts
    }
}

#[tokio::test]
async fn one_collection_reads_each_source_once_and_finds_what_is_new() {
    let collected = Collected::new();
    let metrics = Metrics::new(&collected.provider);
    let growing = Arc::new(Growing::default());
    metrics.add(Shared(Arc::clone(&growing)));

    assert_eq!(
        collected.of("portcullis."),
        ["portcullis.a  counter {} 1", "portcullis.b  counter {} 1"]
    );
    assert_eq!(
        collected.of("portcullis."),
        ["portcullis.a  counter {} 2", "portcullis.b  counter {} 2"]
    );
    growing.has_more.store(true, Relaxed);
    collected.lines();
    send(&metrics, "GET", "200", None).await;
    let late = collected.of("portcullis.late");
    assert_eq!(late, ["portcullis.late  counter {} 7"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_shown() {
    let collected = Collected::new();
    let _metrics = Metrics::new(&collected.provider);

    let lines = collected.of("process.");
    let starts = [
        "process.cpu.time s counter {cpu.mode=system} ",
        "process.cpu.time s counter {cpu.mode=user} ",
        "process.memory.usage By up-down {} ",
        "process.memory.virtual By up-down {} ",
        "process.unix.file_descriptor.count {file_descriptor} up-down {} ",
        "process.uptime s gauge {} ",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[tokio::test]
async fn series_stay_below_the_limit_of_the_sdk() {
    let collected = Collected::new();
    let metrics = Metrics::new(&collected.provider);
    for n in 0..3000 {
        let template = format!("/otel/{}", n % 600);
        let method = ["GET", "POST", "PUT"][n % 3];
        send(
            &metrics,
            method,
            &(200 + n % 7).to_string(),
            Some(&template),
        )
        .await;
    }

    let series = collected.of("http.server.request.duration");
    assert!(
        series.len() > 1000 && series.len() < 2000,
        "{}",
        series.len()
    );
    let has_overflow = series
        .iter()
        .any(|line| line.contains("otel.metric.overflow"));
    assert!(!has_overflow);
    let counts = series.iter().filter_map(|line| line.rsplit_once(' '));
    let all: u64 = counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum();
    assert_eq!(all, 3000);
}

#[test]
fn wrong_buckets_are_listed_at_once() {
    let provider = SdkMeterProvider::builder().build();
    let builder = Metrics::builder()
        .buckets([1.0, 1.0])
        .size_buckets([f64::NAN]);

    let wrong = builder.build(&provider).unwrap_err().to_string();
    assert_eq!(
        wrong,
        "duration buckets: 1 after 1; size buckets: NaN is no number from 0 on"
    );
}
