use std::{fmt, sync::Arc};

use http::request;
use portcullis_core::{Counts, Exchange, Observer, Scope, observe::known_method};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    counts::Sources,
    labels::{Active, OTHER, Refused},
    routes::{Durations, Few, Routes},
};

/// Rate, errors and duration of exchanges. Clones share the series.
///
/// See the [crate docs](crate) for the metrics and an example.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    sources: Sources,
    routes: Routes,
    active: Few<Active, Gauge>,
    refused: Few<Refused, Counter>,
}

// ===== impl Metrics =====

impl Metrics {
    /// The media type of [`encode`](Self::encode)'s text.
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Creates metrics with a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let durations = Durations::new_with_constructor(histogram);
        let active = Family::default();
        let refused = Family::default();
        registry.register_with_unit(
            "http_server_request_duration",
            "From the request's head to the last byte of the answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "http_server_active_requests",
            "Requests whose answer has not ended",
            active.clone(),
        );
        registry.register(
            "portcullis_rejections",
            "Requests that a layer answered in place of the application",
            refused.clone(),
        );
        let sources = Sources::default();
        registry.register_collector(Box::new(sources.clone()));
        Self(Arc::new(Inner {
            registry,
            sources,
            routes: Routes::new(durations),
            active: Few::new(active),
            refused: Few::new(refused),
        }))
    }

    /// Adds what a layer counts by itself: `metrics.add(limit)`. An edge that the metrics observe adds
    /// its guards by itself.
    pub fn add(&self, source: impl Counts) {
        self.0.sources.add(Arc::new(source));
    }

    /// Returns all series, in OpenMetrics' text form, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    fn count_rejection(&self, exchange: &Exchange) {
        if let Some(rejection) = exchange.rejection() {
            let reason = rejection.kind().slug();
            self.0
                .refused
                .with(&Refused { reason }, |refused| refused.inc());
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Metrics {
    #[inline]
    fn begin(&self, exchange: &mut Exchange, _: &request::Parts) -> Option<Scope> {
        self.0.active.with(&active(exchange), |active| active.inc());
        None
    }

    #[inline]
    fn end(&self, exchange: &Exchange) {
        let labels = active(exchange);
        self.0.active.with(&labels, |active| active.dec());
        self.0.routes.observe(&labels, exchange);
        self.count_rejection(exchange);
    }

    fn add_counts(&self, counts: Arc<dyn Counts>) {
        self.0.sources.add(counts);
    }

    fn describe(&self) -> String {
        "metrics".to_owned()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn active(exchange: &Exchange) -> Active {
    Active {
        http_request_method: known_method(exchange.method()).unwrap_or(OTHER),
        url_scheme: exchange.scheme().as_str(),
    }
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDARIES)
}

/// In seconds, as the conventions advise for `http.server.request.duration`.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
