//! Against collectors of all kinds, over real sockets.

use std::{convert::Infallible, net::TcpListener, time::Duration};

use http::{Request, Response};
use http_body_util::BodyExt;
use opentelemetry::metrics::MeterProvider;
use portcullis::{ObserveLayer, body_limit::RequestBody};
use portcullis_core::Counts;
use portcullis_test::request;
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    Telemetry,
    tests::{
        Body,
        collector::{Collector, Mode},
        tls::Files,
    },
};

pub(super) const BOTH: [&str; 2] = ["http/protobuf", "grpc"];

pub(super) fn telemetry(set: &[(&str, &str)]) -> Telemetry {
    let quick = [
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "60000"),
    ];
    let all = quick.iter().chain(set).copied();
    Telemetry::builder("test").variables(all).build().unwrap()
}

/// So many requests, one after the other.
pub(super) async fn exchange(telemetry: &Telemetry, n: usize) {
    let answer = |_: Request<RequestBody<Body>>| async {
        tracing::info!("in a request");
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    };
    let service = ObserveLayer::new(telemetry.tracing()).layer(service_fn(answer));
    for _ in 0..n {
        let Ok(response) = service.clone().oneshot(request("/a?b=c")).await;
        response.into_body().collect().await.unwrap();
    }
}

pub(super) fn dropped(telemetry: &Telemetry, signal: &str, reason: &str) -> u64 {
    let counts = telemetry.counts();
    let label = |name, value: &str| (name, value.to_owned());
    let labels = [label("signal", signal), label("reason", reason)];
    let count = counts.iter().find(|count| count.labels == labels).unwrap();
    assert_eq!(count.name, "portcullis_telemetry_dropped");
    count.value
}

#[tokio::test]
async fn all_signals_arrive_over_both_protocols_compressed_or_not_with_headers() {
    for protocol in BOTH {
        for compression in ["none", "gzip"] {
            let collector = Collector::start(Mode::Healthy);
            let telemetry = telemetry(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
                (
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "authorization=Bearer%20secret",
                ),
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,a=b"),
                ("OTEL_SERVICE_NAME", "shop"),
            ]);
            let subscriber = tracing_subscriber::registry().with(telemetry.layer());
            let guard = tracing::subscriber::set_default(subscriber);
            exchange(&telemetry, 3).await;
            drop(guard);
            let meter = telemetry.meter_provider().unwrap().meter("test");
            meter.u64_counter("things").build().add(1, &[]);
            telemetry.shutdown();

            check_received(&collector);
        }
    }
}

fn check_received(collector: &Collector) {
    let spans = collector.spans();
    let ids: Vec<_> = spans.iter().map(|span| &span.trace_id).collect();
    let logs = collector.logs();
    let logged: Vec<_> = logs.iter().map(|log| &log.trace_id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids, logged, "each line has the ID of its request's trace");
    assert!(collector.metrics().contains(&"things".to_owned()));
    let resources = collector.resources();
    let attributes = &resources[0].resource.as_ref().unwrap().attributes;
    let find = |key: &str| attributes.iter().find(|attribute| attribute.key == key);
    assert!(format!("{:?}", find("service.name")).contains("shop"));
    assert!(find("a").is_some());
    assert_eq!(
        resources[0].scope_spans[0].schema_url,
        "https://opentelemetry.io/schemas/1.44.0"
    );
    for (_, headers) in collector.requests() {
        assert_eq!(headers["authorization"], "Bearer secret");
    }
}

#[tokio::test]
async fn an_https_endpoint_works_with_a_root_of_ones_own_and_a_client_certificate() {
    let files = Files::get();
    for protocol in BOTH {
        let collector = Collector::start_with(Mode::Healthy, Some(files.server(true)));
        let endpoint = format!("https://localhost:{}", collector.address.port());
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", &files.path("root.pem")),
            (
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                &files.path("client.pem"),
            ),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &files.path("client.key")),
        ]);
        exchange(&telemetry, 2).await;
        telemetry.clone().shutdown();

        assert_eq!(collector.spans().len(), 2, "{protocol}");
        assert_eq!(dropped(&telemetry, "traces", "export_failed"), 0);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_failure_that_is_counted() {
    let files = Files::get();
    for protocol in BOTH {
        let collector = Collector::start_with(Mode::Healthy, Some(files.server(false)));
        let endpoint = format!("https://localhost:{}", collector.address.port());
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ]);
        exchange(&telemetry, 2).await;
        telemetry.clone().shutdown();

        assert_eq!(collector.spans().len(), 0);
        assert_eq!(
            dropped(&telemetry, "traces", "export_failed"),
            2,
            "{protocol}"
        );
    }
}

#[tokio::test]
async fn a_dead_collector_loses_spans_and_counts_each() {
    for protocol in BOTH {
        let dead = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let telemetry = telemetry(&[
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                &format!("http://{dead}"),
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
        ]);
        exchange(&telemetry, 5).await;
        telemetry.clone().shutdown();

        assert_eq!(dropped(&telemetry, "traces", "export_failed"), 5);
    }
}

#[tokio::test]
async fn a_refusing_collector_is_asked_once_and_one_that_is_busy_again() {
    for (protocol, refuses, busy) in [("http/protobuf", 400, 503), ("grpc", 3, 14)] {
        let collector = Collector::start(Mode::Status(refuses));
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ]);
        exchange(&telemetry, 4).await;
        telemetry.tracing().flush();
        let asked = collector.requests().len();

        assert_eq!(dropped(&telemetry, "traces", "rejected"), 4, "{protocol}");
        collector.set(Mode::Flaky(busy, 1));
        exchange(&telemetry, 1).await;
        telemetry.tracing().flush();
        assert_eq!(collector.spans().len(), 1, "{protocol}");
        assert_eq!(collector.requests().len(), asked + 2);
        telemetry.shutdown();
    }
}

#[tokio::test]
async fn a_partial_success_counts_what_was_rejected() {
    for protocol in BOTH {
        let collector = Collector::start(Mode::Partial(2));
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "60000"),
        ]);
        exchange(&telemetry, 5).await;
        telemetry.clone().shutdown();

        assert_eq!(dropped(&telemetry, "traces", "rejected"), 2, "{protocol}");
        assert_eq!(collector.spans().len(), 5);
    }
}

#[tokio::test]
async fn a_stalled_collector_fills_the_queue_and_nothing_more() {
    for protocol in BOTH {
        let collector = Collector::start(Mode::Stalled);
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5"),
        ]);
        exchange(&telemetry, 100).await;

        assert_eq!(
            dropped(&telemetry, "traces", "queue_full"),
            90,
            "{protocol}"
        );
        let queue = telemetry.traces.as_ref().unwrap().queue.clone();
        assert!(
            (5_000..50_000).contains(&queue.bytes()),
            "{}",
            queue.bytes()
        );
    }
}

#[tokio::test]
async fn the_queue_is_bounded_by_bytes() {
    let collector = Collector::start(Mode::Stalled);
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url())];
    let builder = Telemetry::builder("test").queue_bytes(20_000);
    let telemetry = builder.variables(variables).build().unwrap();
    exchange(&telemetry, 100).await;

    let queue = &telemetry.traces.as_ref().unwrap().queue;
    assert!(
        (15_000..=20_000).contains(&queue.bytes()),
        "{}",
        queue.bytes()
    );
    assert!(dropped(&telemetry, "traces", "queue_full") > 70);
}

#[tokio::test]
async fn what_is_sent_was_received_or_dropped() {
    for protocol in BOTH {
        let collector = Collector::start(Mode::Slow(Duration::from_millis(50)));
        let telemetry = telemetry(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
        ]);
        for n in 0..10 {
            exchange(&telemetry, 100).await;
            collector.set(match n % 3 {
                0 => Mode::Healthy,
                1 => Mode::Status(if protocol == "grpc" { 3 } else { 400 }),
                _ => Mode::Slow(Duration::from_millis(50)),
            });
        }
        collector.set(Mode::Healthy);
        telemetry.clone().shutdown();

        let reasons = ["queue_full", "export_failed", "rejected", "shutdown"];
        let lost: u64 = reasons
            .iter()
            .map(|reason| dropped(&telemetry, "traces", reason))
            .sum();
        assert_eq!(
            collector.spans().len() as u64 + lost,
            1000,
            "{protocol}: {:?}",
            telemetry.counts()
        );
    }
}
