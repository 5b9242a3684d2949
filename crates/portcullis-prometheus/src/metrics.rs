use std::{fmt, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, VARY},
    request,
};
use portcullis_core::{
    CountSources, Counts, Exchange, Observer, Scope,
    observe::series::{Buckets, Limits},
};
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::{
    MetricsBuilder, TextFormat, counts::Counted, exchanges::Exchanges, help::EscapingHelp,
    process::Process, text,
};

/// Rate, errors, duration and sizes of exchanges. Clones share the series.
///
/// See the [crate docs](crate) for the metrics and an example.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    sources: CountSources,
    exchanges: Arc<Exchanges>,
}

// ===== impl Metrics =====

impl Metrics {
    /// Creates metrics with the default buckets.
    #[must_use]
    pub fn new() -> Self {
        let (durations, sizes) = (Buckets::durations(), Buckets::sizes());
        Self::with(Registry::default(), Limits::default(), durations, sizes)
    }

    /// Sets up metrics with other buckets or limits.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder::default()
    }

    pub(crate) fn with(
        mut registry: Registry,
        limits: Limits,
        durations: Buckets,
        sizes: Buckets,
    ) -> Self {
        let exchanges = Arc::new(Exchanges::new(limits, durations, sizes));
        let sources = CountSources::default();
        registry.register_collector(Box::new(Arc::clone(&exchanges)));
        registry.register_collector(Box::new(Counted(sources.clone())));
        registry.register_collector(Box::new(Process));
        Self(Arc::new(Inner {
            registry,
            sources,
            exchanges,
        }))
    }

    /// Adds what a layer counts by itself: `metrics.add(limit)`. An edge that the metrics observe adds
    /// its guards by itself.
    pub fn add(&self, source: impl Counts) {
        self.0.sources.add(Arc::new(source));
    }

    /// Returns the response to a request for the metrics: all series, in the
    /// [format](TextFormat::preferred) that its `Accept` asks for, `no-store`, with `Vary: accept`.
    ///
    /// What it tells is not for everybody: leave its path below an edge that asks for a key, or answer
    /// it on a listener that only operators reach. See the [crate docs](crate#the-page).
    #[must_use]
    pub fn respond(&self, headers: &HeaderMap) -> Response<String> {
        let format = TextFormat::preferred(headers);
        let mut response = Response::new(self.encode_as(format));
        let content_type = HeaderValue::from_static(format.content_type());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        response
    }

    /// Returns all series as text in a format.
    #[must_use]
    pub fn encode_as(&self, format: TextFormat) -> String {
        match format {
            TextFormat::Prometheus => text::from_openmetrics(&self.encode()),
            TextFormat::OpenMetrics => self.encode(),
        }
    }

    /// Returns all series as text of OpenMetrics 1.0.0.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut openmetrics = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut EscapingHelp::new(&mut openmetrics), &self.0.registry);
        openmetrics
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
        self.0.exchanges.begin(exchange);
        None
    }

    #[inline]
    fn end(&self, exchange: &Exchange) {
        self.0.exchanges.end(exchange);
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
