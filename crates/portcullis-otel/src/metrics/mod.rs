//! Metrics by OpenTelemetry's own interface, for OTLP.

mod builder;
mod counted;
mod exchanges;
mod process;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use http::request;
use opentelemetry::metrics::{Meter, MeterProvider};
use portcullis_core::{Counts, Exchange, Observer, Scope};

pub use self::builder::MetricsBuilder;
use self::{counted::Counted, exchanges::Exchanges};
use crate::scope::scope;

/// Rate, errors, duration and sizes of exchanges, and what layers count by themselves. Clones share
/// the series.
///
/// | metric | kind | unit | attributes |
/// |---|---|---|---|
/// | `http.server.request.duration` | histogram, the conventions' 14 boundaries | `s` | `http.request.method`, `http.route`, `http.response.status_code`, `url.scheme`, `error.type` |
/// | `http.server.request.body.size` | histogram | `By` | the same |
/// | `http.server.response.body.size` | histogram | `By` | the same |
/// | `http.server.active_requests` | up-down counter | `{request}` | `http.request.method`, `url.scheme` |
/// | `portcullis.rejections` | counter | `{request}` | `layer`, `reason`, `policy` |
/// | `process.cpu.time` | counter | `s` | `cpu.mode` |
/// | `process.memory.usage`, `process.memory.virtual` | up-down counter | `By` | |
/// | `process.unix.file_descriptor.count` | up-down counter | `{file_descriptor}` | |
/// | `process.uptime` | gauge | `s` | |
///
/// An attribute without a value is left out. `network.protocol.version` is too: it would multiply the
/// series. What a layer counts by itself has its Prometheus name with a dot after `portcullis`:
/// `portcullis.rate_limit_refused`, a counter or a gauge, so that a collector that writes it for
/// Prometheus comes back to the same name. What only comes up later is there from the first exchange
/// on that ends after the collection that first saw it. The build is the scope's name and version.
///
/// There are no exemplars: OpenTelemetry's SDK for Rust has none yet. `portcullis-prometheus` has.
///
/// # Labels
///
/// No attribute is a client's to choose: see
/// [`portcullis_core::observe::series`], which bounds the series. The SDK has a bound of its own, 2,000
/// series of an instrument, after which it keeps no attribute at all; so by default there are at most
/// [1,500](MetricsBuilder::max_series) until what comes shares series that keep the status and the
/// error.
///
/// # Example
///
/// ```
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use portcullis::Edge;
/// use portcullis_otel::Metrics;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = SdkMeterProvider::builder().build();
/// let edge = Edge::new().observe(Metrics::new(&provider)).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # Cost
///
/// The instruments of a series are bound once, and found again without a lock or an allocation.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    exchanges: Exchanges,
    counted: Counted,
}

// ===== impl Metrics =====

impl Metrics {
    /// Creates metrics with the default buckets, and their instruments in `provider`.
    pub fn new<P: MeterProvider + ?Sized>(provider: &P) -> Self {
        let defaults = exchanges::Settings::default();
        Self::with(&meter(provider), defaults)
    }

    /// Sets up metrics with other buckets or limits.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder::default()
    }

    fn with(meter: &Meter, settings: exchanges::Settings) -> Self {
        process::observe(meter);
        Self(Arc::new(Inner {
            exchanges: Exchanges::new(meter, settings),
            counted: Counted::new(meter.clone()),
        }))
    }

    /// Adds what a layer counts by itself. An edge that the metrics observe adds its guards by itself.
    pub fn add(&self, source: impl Counts) {
        self.0.counted.add(Arc::new(source));
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
        self.0.counted.register_new();
    }

    fn add_counts(&self, counts: Arc<dyn Counts>) {
        self.0.counted.add(counts);
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

fn meter<P: MeterProvider + ?Sized>(provider: &P) -> Meter {
    provider.meter_with_scope(scope())
}
