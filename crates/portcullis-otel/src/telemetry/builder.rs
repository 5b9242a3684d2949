use std::{ffi::OsString, fmt, time::Duration};

use opentelemetry::global;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::{Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream},
    trace::SdkTracerProvider,
};
use portcullis_core::{
    ConfigError,
    observe::{redacted_url, series::Methods},
};
use tracing::Level;

use super::{Logs, Telemetry, Traces, propagation::Chosen, resource::resource, settings::Settings};
use crate::{
    Metrics,
    export::{Exporter, Target},
    logs::{self, EncodeLogs},
    metrics_exporter::MetricsExporter,
    pipeline::{Log, Lost, Queue, Runner},
    signal::Signal,
    span::Spans,
    span_queue::{EncodeSpans, QueueProcessor},
    worker::Worker,
};

/// Sets up [`Telemetry`] with defaults of one's own. Made by [`Telemetry::builder`].
#[must_use = "it does nothing until it is built"]
pub struct TelemetryBuilder {
    service: &'static str,
    variables: Vec<(OsString, OsString)>,
    attributes: Vec<(String, String)>,
    queue_bytes: usize,
    stop_limit: Duration,
    level: Level,
}

/// What is needed to start one signal.
struct Start<'a> {
    settings: &'a Settings,
    resource: &'a Resource,
    runner: &'a Runner,
    queue_bytes: usize,
}

// ===== impl TelemetryBuilder =====

impl TelemetryBuilder {
    pub(super) const fn new(service: &'static str, variables: Vec<(OsString, OsString)>) -> Self {
        Self {
            service,
            variables,
            attributes: Vec::new(),
            queue_bytes: QUEUE_BYTES,
            stop_limit: STOP_LIMIT,
            level: Level::INFO,
        }
    }

    /// Adds an attribute of the resource, such as `service.version`. `OTEL_RESOURCE_ATTRIBUTES` and
    /// `OTEL_SERVICE_NAME` count more.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Sets how many bytes of spans may wait, and how many of log records: 4 MiB each.
    ///
    /// They count until the collector has answered. The bounds by count are
    /// `OTEL_BSP_MAX_QUEUE_SIZE` and `OTEL_BLRP_MAX_QUEUE_SIZE`.
    pub const fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets how long [`Telemetry::shutdown`] takes at most: 5 seconds.
    pub const fn stop_limit(mut self, limit: Duration) -> Self {
        self.stop_limit = limit;
        self
    }

    /// Sets the least severe spans and log lines of the application that are exported: `INFO`.
    ///
    /// What hyper and other libraries trace is below that.
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets variables to read in place of the process's own, for tests.
    pub fn variables<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        self.variables = variables.collect();
        self
    }

    /// Sets it all up, and makes it OpenTelemetry's global providers and propagator. Propagators and known
    /// methods count for all calls of the process.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the variables, or that there is no thread to be had.
    pub fn build(self) -> Result<Telemetry, ConfigError> {
        let settings = Settings::parse(self.variables.iter().cloned())?;
        global::set_text_map_propagator(Chosen::new(settings.propagators));
        settings.propagators.install();
        settings.methods.install();
        let is_on = settings.targets.iter().any(Option::is_some);
        let runner = is_on.then(Runner::spawn).transpose();
        let runner = runner.map_err(|error| ConfigError::new(format!("telemetry: {error}")))?;
        let resource = resource(self.service, &self.attributes, &settings);
        let mut telemetry = Telemetry {
            tracing: settings.tracing(None, settings.sampling),
            traces: None,
            logs: None,
            meters: None,
            metrics: None,
            drops: runner
                .as_ref()
                .map(|runner| runner.drops.clone())
                .unwrap_or_default(),
            runner,
            level: self.level,
            stop_limit: self.stop_limit,
        };
        if let Some(runner) = telemetry.runner.clone() {
            let start = Start {
                settings: &settings,
                resource: &resource,
                runner: &runner,
                queue_bytes: self.queue_bytes,
            };
            start.all(&mut telemetry)?;
        }
        Ok(telemetry)
    }
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

// ===== impl Start =====

impl Start<'_> {
    /// Metrics come first: the SDK counts with them what it does.
    fn all(&self, telemetry: &mut Telemetry) -> Result<(), ConfigError> {
        let [traces, metrics, logs] = self.settings.targets.clone();
        if let Some(target) = metrics {
            let meters = self.metrics(target)?;
            let methods = Methods::from(&self.settings.methods);
            let metrics = Metrics::builder().known_methods(methods).build(&meters)?;
            metrics.add(Lost(self.runner.drops.clone()));
            (telemetry.meters, telemetry.metrics) = (Some(meters), Some(metrics));
        }
        if let Some(target) = traces {
            let traces = self.traces(target)?;
            let worker = Worker::exporting(traces.queue.clone());
            telemetry.tracing = self.settings.tracing(Some(worker), self.settings.sampling);
            telemetry.traces = Some(traces);
        }
        if let Some(target) = logs {
            telemetry.logs = Some(self.logs(target)?);
        }
        Ok(())
    }

    fn traces(&self, target: Target) -> Result<Traces, ConfigError> {
        let settings = self.settings;
        let encode = EncodeSpans {
            spans: Spans::new(settings.methods.clone()),
            limits: settings.span_limits,
            resource: ResourceAttributesWithSchema::from(self.resource),
        };
        let log = self.log(Signal::Traces, &target);
        let exporter = Exporter::try_new(target, settings.spans.timeout)?;
        let queue = Queue::start(
            self.runner,
            encode,
            exporter,
            log,
            settings.spans,
            self.queue_bytes,
        );
        let processor = QueueProcessor {
            queue: queue.clone(),
            limits: settings.span_limits,
        };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(settings.sampling.for_application())
            .with_span_limits(settings.span_limits.for_sdk())
            .with_resource(self.resource.clone())
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Traces { provider, queue })
    }

    fn logs(&self, target: Target) -> Result<Logs, ConfigError> {
        let settings = self.settings;
        let encode = EncodeLogs {
            limits: settings.log_limits,
            resource: ResourceAttributesWithSchema::from(self.resource),
        };
        let log = self.log(Signal::Logs, &target);
        let exporter = Exporter::try_new(target, settings.logs.timeout)?;
        let queue = Queue::start(
            self.runner,
            encode,
            exporter,
            log,
            settings.logs,
            self.queue_bytes,
        );
        let provider = SdkLoggerProvider::builder()
            .with_log_processor(logs::QueueProcessor(queue.clone()))
            .with_resource(self.resource.clone())
            .build();
        Ok(Logs { provider, queue })
    }

    fn metrics(&self, target: Target) -> Result<SdkMeterProvider, ConfigError> {
        let settings = &self.settings.metrics;
        let exporter = MetricsExporter {
            runner: self.runner.clone(),
            log: self.log(Signal::Metrics, &target),
            exporter: Exporter::try_new(target, settings.timeout)?,
            temporality: settings.temporality,
        };
        let reader = PeriodicReader::builder(exporter).with_interval(settings.interval);
        let mut provider = SdkMeterProvider::builder()
            .with_reader(reader.build())
            .with_resource(self.resource.clone());
        if settings.exponential {
            provider = provider.with_view(exponential);
        }
        let provider = provider.build();
        global::set_meter_provider(provider.clone());
        Ok(provider)
    }

    fn log(&self, signal: Signal, target: &Target) -> Log {
        Log::new(
            signal,
            redacted_url(&target.uri.to_string()).into_owned(),
            self.runner.drops.clone(),
        )
    }
}

/// The scale and the size are the SDK specification's defaults.
fn exponential(instrument: &Instrument) -> Option<Stream> {
    let aggregation = Aggregation::Base2ExponentialHistogram {
        max_size: 160,
        max_scale: 20,
        record_min_max: true,
    };
    let is_histogram = instrument.kind() == InstrumentKind::Histogram;
    let stream = is_histogram.then(|| Stream::builder().with_aggregation(aggregation));
    stream.and_then(|stream| stream.build().ok())
}

const QUEUE_BYTES: usize = 4 * 1024 * 1024;
const STOP_LIMIT: Duration = Duration::from_secs(5);
