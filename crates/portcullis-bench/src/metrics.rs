//! What metrics cost by themselves: one exchange that begins and ends, its series known.

use std::{hint::black_box, time::Duration};

use axum::http::{Request, Response};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter,
    },
};
use portcullis::observe::{Exchange, Observer, Outcome, Route, TraceContext};
use tokio::time::Instant;

use crate::stack::{Stack, Step};

/// An observer that does nothing.
pub(crate) const OBSERVED: &str = "exchange, nothing observed";

/// Metrics of one exchange.
pub(crate) const COUNTED: &str = "exchange, Prometheus metrics";

/// The same by OpenTelemetry's SDK.
pub(crate) const COUNTED_OTLP: &str = "exchange, OTLP metrics";

/// The rows.
pub(crate) const COSTS: [Stack; 4] = [
    Stack::step(
        OBSERVED,
        "an exchange that begins and ends, an observer that does nothing",
        nothing,
    ),
    Stack::step(
        COUNTED,
        "the same with `portcullis_prometheus::Metrics`: three histograms and a gauge twice",
        prometheus,
    ),
    Stack::step(
        "exchange, Prometheus metrics, sampled",
        "the same where each trace is sampled: with an exemplar",
        prometheus_sampled,
    ),
    Stack::step(
        COUNTED_OTLP,
        "the same with `portcullis_otel::Metrics`, by bound instruments",
        otlp,
    ),
];

/// An observer that does nothing: what calling one costs.
struct Nothing;

impl Observer for Nothing {
    fn end(&self, exchange: &Exchange) {
        black_box(exchange);
    }
}

/// Exports nothing.
struct Nowhere;

impl PushMetricExporter for Nowhere {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn nothing() -> Step {
    observed(Nothing, false)
}

fn prometheus() -> Step {
    observed(portcullis_prometheus::Metrics::new(), false)
}

/// With an exemplar each time.
fn prometheus_sampled() -> Step {
    observed(portcullis_prometheus::Metrics::new(), true)
}

fn otlp() -> Step {
    let reader = PeriodicReader::builder(Nowhere).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let metrics = portcullis_otel::Metrics::new(&provider);
    let mut step = observed(metrics, false);
    Box::new(move || {
        black_box(&provider);
        step();
    })
}

fn observed(observer: impl Observer, is_sampled: bool) -> Step {
    let (head, ()) = Request::new(()).into_parts();
    let mut exchange = Exchange::new(&head, Instant::now());
    exchange.set_route(Some(Route::new("/users/{id}")));
    exchange.set_trace(TraceContext {
        trace_id: 7,
        span_id: 7,
        parent_id: None,
        flags: u8::from(is_sampled),
        state: None,
        link: None,
    });
    let (response, ()) = Response::new(()).into_parts();
    exchange.on_head(&response);
    exchange.on_end(Outcome::Complete);
    let observer: Box<dyn Observer> = Box::new(observer);
    Box::new(move || {
        black_box(observer.begin(black_box(&mut exchange), &head));
        observer.end(black_box(&exchange));
    })
}
