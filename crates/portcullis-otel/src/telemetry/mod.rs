use std::{env, sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{
    logs::SdkLoggerProvider, metrics::SdkMeterProvider, trace::SdkTracerProvider,
};
use portcullis_core::{ConfigError, Count, Counts};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::{
    Metrics, Tracing, logs,
    pipeline::{Drops, Queue, Runner},
    span_queue,
};

mod builder;
mod propagation;
mod resource;
mod settings;
mod stop;
#[cfg(test)]
mod tests;

pub use self::builder::TelemetryBuilder;
pub(crate) use self::settings::Batching;

/// The export of traces, metrics and logs, set up in one call.
///
/// Configured by the specification's variables, of which `docs/telemetry.md` has each: it is
/// honoured, or refused at start. Unlike the specification, a signal is exported only if an endpoint
/// is named for it or for all, or if its exporter is `otlp`: a process without a collector should not
/// fill its log.
///
/// A collector that is slow, stalled or down costs no request anything, and a bounded amount of
/// memory. What is lost is counted: `Telemetry` is [`Counts`], to be given to what shows counts, as
/// `portcullis_telemetry_dropped_total` with the labels `signal` and `reason`:
///
/// | reason | lost because |
/// |---|---|
/// | `queue_full` | it found no place in the queue, by count or by bytes |
/// | `export_failed` | the collector gave no final answer in time |
/// | `rejected` | the collector did not want it, or not all of a batch |
/// | `shutdown` | it was not sent when the time to stop was over |
///
/// A clone is a handle to the same.
#[derive(Clone, Debug)]
#[must_use = "what has ended is lost unless the telemetry is shut down"]
pub struct Telemetry {
    tracing: Tracing,
    traces: Option<Traces>,
    logs: Option<Logs>,
    meters: Option<SdkMeterProvider>,
    metrics: Option<Metrics>,
    runner: Option<Runner>,
    drops: Arc<Drops>,
    level: Level,
    stop_limit: Duration,
}

#[derive(Clone, Debug)]
struct Traces {
    provider: SdkTracerProvider,
    queue: Queue<span_queue::Waiting>,
}

#[derive(Clone, Debug)]
struct Logs {
    provider: SdkLoggerProvider,
    queue: Queue<logs::Waiting>,
}

// ===== impl Telemetry =====

impl Telemetry {
    /// Sets up what the environment asks for, and makes it OpenTelemetry's global providers and
    /// propagator.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the variables.
    pub fn from_env(service: &'static str) -> Result<Self, ConfigError> {
        Self::builder(service).build()
    }

    /// Starts a set-up with defaults of one's own. Variables count more than they do.
    pub fn builder(service: &'static str) -> TelemetryBuilder {
        TelemetryBuilder::new(service, env::vars_os().collect())
    }

    /// Returns `true` if traces, metrics or logs are exported.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.runner.is_some()
    }

    /// Returns the observer to give to an edge. It reads and sends on trace context whether or not
    /// traces are exported.
    #[must_use]
    pub fn tracing(&self) -> Tracing {
        self.tracing.clone()
    }

    /// Returns the observer to give to an edge for metrics, if they are exported.
    ///
    /// It shows what was lost, too. Clones share the series: an application has one.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        self.metrics.clone()
    }

    /// Returns what metrics are made with, if they are exported.
    #[must_use]
    pub fn meter_provider(&self) -> Option<&SdkMeterProvider> {
        self.meters.as_ref()
    }

    /// Returns a `tracing` layer that makes the application's spans children of the edge's, and
    /// exports log lines.
    ///
    /// It leaves out the `request` span that is there for log lines only, and what is less severe
    /// than [`TelemetryBuilder::level`]. A log line of a request has the IDs of its trace and its span, and
    /// so has what is logged when its exchange has ended: access lines, reports of errors. Of other lines
    /// without a trace the fields `trace_id` and `span_id` count, if they are IDs. A line is an event
    /// of its span too, where logs are not exported.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let level = self.level;
        let spans = self.traces.as_ref().map(|traces| {
            let tracer = traces.provider.tracer("application");
            let layer = tracing_opentelemetry::layer().with_tracer(tracer);
            let with_events = self.logs.is_none();
            layer.with_filter(filter_fn(move |metadata| {
                let is_wanted = metadata.is_span() || with_events;
                is_wanted && *metadata.level() <= level && is_traced(metadata)
            }))
        });
        let logs = self.logs.as_ref().map(|logs| {
            let bridge = OpenTelemetryTracingBridge::new(&logs.provider);
            bridge.with_filter(filter_fn(move |metadata| *metadata.level() <= level))
        });
        // Beside a layer that is none, one with a filter of its own sees nothing.
        match (spans, logs) {
            (None, None) => None,
            (Some(spans), None) => Some(spans.boxed()),
            (None, Some(logs)) => Some(logs.boxed()),
            (Some(spans), Some(logs)) => Some(spans.and_then(logs).boxed()),
        }
    }

    /// Exports what has ended, and stops. Call it when the server has stopped.
    ///
    /// Blocks, at most for [`TelemetryBuilder::stop_limit`]. What is lost then is logged, in one line.
    pub fn shutdown(self) {
        stop::shut_down(&self);
    }
}

impl Counts for Telemetry {
    fn counts(&self) -> Vec<Count> {
        self.drops.counts()
    }
}

/// Everything but the span that carries the request's ID to log lines.
pub(crate) fn is_traced(metadata: &Metadata<'_>) -> bool {
    !(metadata.is_span() && metadata.target() == "portcullis" && metadata.name() == "request")
}
