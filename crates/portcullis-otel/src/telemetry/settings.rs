//! What the variables ask for.

use std::{ffi::OsString, time::Duration};

use opentelemetry_sdk::metrics::Temporality;
use portcullis_core::ConfigError;

use crate::{
    KnownMethods, Sampling, Tracing,
    context::Propagators,
    export::Target,
    limits::{Limits, SpanLimits},
    signal::Signal,
    variables::{Variables, pairs},
    worker::Worker,
};

/// Everything, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Where each signal goes, if it is exported: traces, metrics, logs.
    pub(crate) targets: [Option<Target>; 3],
    pub(crate) spans: Batching,
    pub(crate) logs: Batching,
    pub(crate) metrics: Metrics,
    pub(crate) span_limits: SpanLimits,
    pub(crate) log_limits: Limits,
    pub(crate) service: Option<String>,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) sampling: Sampling,
    pub(crate) propagators: Propagators,
    pub(crate) methods: KnownMethods,
}

/// When a signal's records are sent, and how many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batching {
    pub(crate) delay: Duration,
    pub(crate) timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) batch: usize,
}

/// How metrics are read and sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) temporality: Temporality,
    pub(crate) exponential: bool,
}

// ===== impl Settings =====

impl Settings {
    /// Parses the variables.
    ///
    /// Where the SDK is disabled only the propagators are read.
    pub(crate) fn parse(
        all: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut variables = Variables::new(all);
        if variables.boolean("OTEL_SDK_DISABLED") == Some(true) {
            let mut nothing = Self::read(&mut Variables::default());
            let mut propagators = variables.only("OTEL_PROPAGATORS");
            nothing.propagators = Propagators::read(&mut propagators);
            return propagators.check().map(|()| nothing);
        }
        variables.refuse();
        let settings = Self::read(&mut variables);
        check_exemplars(&mut variables);
        check_conventions(&mut variables);
        variables.check().map(|()| settings)
    }

    fn read(variables: &mut Variables) -> Self {
        let lists = variables.parse("OTEL_RESOURCE_ATTRIBUTES", pairs);
        let resource = lists.unwrap_or_default();
        Self {
            targets: Signal::ALL.map(|signal| Target::read(variables, signal)),
            spans: Batching::read(variables, "OTEL_BSP", 5000),
            logs: Batching::read(variables, "OTEL_BLRP", 1000),
            metrics: Metrics::read(variables),
            span_limits: SpanLimits::read(variables),
            log_limits: Limits::read(variables, "OTEL_LOGRECORD"),
            service: variables.text("OTEL_SERVICE_NAME").map(ToOwned::to_owned),
            resource,
            sampling: sampling(variables),
            propagators: Propagators::read(variables),
            methods: KnownMethods::read(variables),
        }
    }
}

impl Settings {
    /// Returns an observer. One that may not read trace context continues no trace.
    pub(super) fn tracing(&self, worker: Option<Worker>, sampling: Sampling) -> Tracing {
        let tracing = Tracing::with_worker(worker, sampling);
        tracing.reads(self.propagators)
    }
}

impl Batching {
    fn read(variables: &mut Variables, prefix: &str, delay: u64) -> Self {
        let name = |rest: &str| format!("{prefix}_{rest}");
        let queue = variables.number(&name("MAX_QUEUE_SIZE"), 1).unwrap_or(2048);
        let batch = variables.number(&name("MAX_EXPORT_BATCH_SIZE"), 1);
        if batch.is_some_and(|batch| batch > queue) {
            let problem = format!("more than {} ({queue})", name("MAX_QUEUE_SIZE"));
            variables.wrong(&name("MAX_EXPORT_BATCH_SIZE"), problem);
        }
        let given = variables.duration(&name("SCHEDULE_DELAY"));
        Self {
            delay: given.unwrap_or(Duration::from_millis(delay)),
            timeout: variables
                .timeout(&name("EXPORT_TIMEOUT"))
                .unwrap_or(TIMEOUT),
            queue,
            batch: batch.unwrap_or(512).min(queue),
        }
    }
}

impl Metrics {
    fn read(variables: &mut Variables) -> Self {
        let temporalities = [
            ("cumulative", Temporality::Cumulative),
            ("delta", Temporality::Delta),
            ("lowmemory", Temporality::LowMemory),
        ];
        let aggregations = [
            ("explicit_bucket_histogram", false),
            ("base2_exponential_bucket_histogram", true),
        ];
        let interval = variables.duration("OTEL_METRIC_EXPORT_INTERVAL");
        let timeout = variables.timeout("OTEL_METRIC_EXPORT_TIMEOUT");
        let temporality = variables.one_of(TEMPORALITY, &temporalities);
        Self {
            interval: interval.unwrap_or(Duration::from_secs(60)),
            timeout: timeout.unwrap_or(TIMEOUT),
            temporality: temporality.unwrap_or(Temporality::Cumulative),
            exponential: variables.one_of(AGGREGATION, &aggregations) == Some(true),
        }
    }
}

impl Propagators {
    fn read(variables: &mut Variables) -> Self {
        let read = variables.parse("OTEL_PROPAGATORS", Self::parse);
        read.unwrap_or(Self {
            trace_context: true,
            baggage: true,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut all = Self {
            trace_context: false,
            baggage: false,
        };
        let names: Vec<_> = text.split(',').map(str::trim).collect();
        for name in &names {
            match *name {
                "tracecontext" => all.trace_context = true,
                "baggage" => all.baggage = true,
                "none" if names.len() == 1 => {}
                _ => return Err(format!("{name:?}: only tracecontext and baggage, or none")),
            }
        }
        Ok(all)
    }
}

fn sampling(variables: &mut Variables) -> Sampling {
    let text = |name| variables.text(name).unwrap_or_default();
    let (name, argument) = (text("OTEL_TRACES_SAMPLER"), text("OTEL_TRACES_SAMPLER_ARG"));
    match Sampling::parse(name, argument) {
        Ok(sampling) => sampling,
        Err(problem) => {
            variables.also_wrong(&ConfigError::new(problem.to_string()));
            Sampling::default()
        }
    }
}

fn check_exemplars(variables: &mut Variables) {
    variables.parse("OTEL_METRICS_EXEMPLAR_FILTER", |text| match text {
        "always_off" => Ok(()),
        _ => Err(format!(
            "{text:?}: exemplars are not recorded; always_off is all there is"
        )),
    });
}

/// Other instrumentations have words of their own in the list.
fn check_conventions(variables: &mut Variables) {
    variables.parse("OTEL_SEMCONV_STABILITY_OPT_IN", |text| {
        if text.split(',').any(|word| word.trim() == "http/dup") {
            Err("http/dup: the old HTTP conventions are not sent; the stable ones always are")
        } else {
            Ok(())
        }
    });
}

const TIMEOUT: Duration = Duration::from_secs(30);
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const AGGREGATION: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
