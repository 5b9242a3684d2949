use opentelemetry::metrics::MeterProvider;
use portcullis_core::{
    ConfigError,
    observe::series::{Buckets, Methods},
};

use super::{Metrics, exchanges::Settings, meter};

/// Sets up [`Metrics`].
#[derive(Debug, Default)]
#[must_use]
pub struct MetricsBuilder {
    durations: Option<Vec<f64>>,
    sizes: Option<Vec<f64>>,
    settings: Settings,
}

// ===== impl MetricsBuilder =====

impl MetricsBuilder {
    /// Sets the upper bounds of the buckets of durations, in seconds. By default the conventions' 14.
    /// A view of the SDK that sets others, or an exponential histogram, has the last word.
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.durations = Some(bounds.into());
        self
    }

    /// Sets the upper bounds of the buckets of bodies, in bytes. By default 0, and 256 bytes to 64 MiB
    /// in steps of four.
    pub fn size_buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.sizes = Some(bounds.into());
        self
    }

    /// Sets the methods that are told apart; all others are `_OTHER`. By default the conventions' ten.
    pub fn known_methods(mut self, methods: Methods) -> Self {
        self.settings.limits.methods = methods;
        self
    }

    /// Sets after how many series of exchanges further ones share those of the route `_OTHER`. By
    /// default 1,500. More needs a view that raises the SDK's own limit of 2,000.
    pub const fn max_series(mut self, series: usize) -> Self {
        self.settings.limits.series = series;
        self
    }

    /// Creates the metrics, and their instruments in `provider`.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong with the buckets.
    pub fn build<P: MeterProvider + ?Sized>(self, provider: &P) -> Result<Metrics, ConfigError> {
        let mut settings = self.settings;
        [settings.durations, settings.sizes] =
            Buckets::of_exchanges(self.durations.as_deref(), self.sizes.as_deref())?;
        Ok(Metrics::with(&meter(provider), settings))
    }
}
