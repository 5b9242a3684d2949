use std::{fmt, sync::Arc};

use http::request;
use portcullis_core::{Counts, Exchange, Facts, Observer, Watch, observe::known_method};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    counts::Sources,
    labels::{Active, OTHER, Refused, scheme},
    routes::{Durations, Gauges, Route, Routes},
};

/// Rate, errors and duration of exchanges. Clones share the series.
///
/// See the [crate docs](crate) for the metrics and an example.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

/// An exchange that is under way.
pub struct InFlight {
    metrics: Metrics,
    route: Arc<Route>,
    method: &'static str,
    scheme: &'static str,
    active: Gauge,
}

struct Inner {
    registry: Registry,
    sources: Sources,
    routes: Routes,
    gauges: Gauges,
    active: Family<Active, Gauge>,
    refused: Family<Refused, Counter>,
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
            gauges: Gauges::default(),
            active,
            refused,
        }))
    }

    /// Adds what layers count by themselves: `metrics.add(edge.counters())`, or a
    /// rate limit alone.
    pub fn add(&self, source: impl Counts) {
        self.0.sources.add(source);
    }

    /// All series, in OpenMetrics' text form, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    fn count_rejection(&self, exchange: &Exchange<'_>) {
        if let Some(rejection) = exchange.rejection() {
            let reason = rejection.kind().slug();
            self.0.refused.get_or_create(&Refused { reason }).inc();
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Metrics {
    type Watch = InFlight;

    #[inline]
    fn begin(&self, head: &request::Parts, route: Option<&str>) -> InFlight {
        let labels = Active {
            http_request_method: known_method(&head.method).unwrap_or(OTHER),
            url_scheme: scheme(Facts::of(&head.extensions).get()),
        };
        let active = self.0.gauges.get(&labels, &self.0.active);
        active.inc();
        InFlight {
            metrics: self.clone(),
            route: self.0.routes.get(route.unwrap_or_default()),
            method: labels.http_request_method,
            scheme: labels.url_scheme,
            active,
        }
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

// ===== impl InFlight =====

impl Watch for InFlight {
    #[inline]
    fn end(self, exchange: &Exchange<'_>) {
        self.active.dec();
        let routes = &self.metrics.0.routes;
        routes.observe(&self.route, self.method, self.scheme, exchange);
        self.metrics.count_rejection(exchange);
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("method", &self.method)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDARIES)
}

/// In seconds, as the conventions advise for `http.server.request.duration`.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
