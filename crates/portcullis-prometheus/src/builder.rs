use portcullis_core::{
    ConfigError,
    observe::series::{Buckets, Limits, Methods},
};
use prometheus_client::registry::Registry;

use crate::Metrics;

/// Sets up [`Metrics`].
#[derive(Debug, Default)]
#[must_use]
pub struct MetricsBuilder {
    registry: Registry,
    limits: Limits,
    durations: Option<Vec<f64>>,
    sizes: Option<Vec<f64>>,
}

// ===== impl MetricsBuilder =====

impl MetricsBuilder {
    /// Sets the upper bounds of the buckets of durations, in seconds. By default the conventions' 14.
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
        self.limits.methods = methods;
        self
    }

    /// Sets after how many series of exchanges further ones share those of the route `_OTHER`. By
    /// default 10,000.
    pub const fn max_series(mut self, series: usize) -> Self {
        self.limits.series = series;
        self
    }

    /// Sets a registry with metrics of the application, which are shown beside the edge's. Help texts may
    /// have any characters: they are escaped.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Creates the metrics.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong with the buckets.
    pub fn build(self) -> Result<Metrics, ConfigError> {
        let [durations, sizes] =
            Buckets::of_exchanges(self.durations.as_deref(), self.sizes.as_deref())?;
        Ok(Metrics::with(self.registry, self.limits, durations, sizes))
    }
}
