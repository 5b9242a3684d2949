use std::{env, sync::Arc, time::Duration};

use opentelemetry::{Context, global, trace::TracerProvider};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use portcullis_core::ConfigError;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::{Sampling, Tracing};

/// The export of spans, set up in one call.
///
/// Configured by the specification's variables: `OTEL_EXPORTER_OTLP_ENDPOINT` and the other
/// `OTEL_EXPORTER_OTLP_*`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`,
/// `OTEL_TRACES_SAMPLER_ARG`, `OTEL_BSP_*`, `OTEL_SDK_DISABLED`. Spans are exported as protobuf
/// over HTTP. Unlike the specification, nothing is exported unless an endpoint is named or
/// `OTEL_TRACES_EXPORTER` is `otlp`: a process without a collector should not fill its log.
///
/// A collector that is down costs nothing but the spans.
#[derive(Debug)]
#[must_use = "spans that have ended are lost unless the telemetry is shut down"]
pub struct Telemetry {
    export: Option<Export>,
}

#[derive(Debug)]
struct Export {
    provider: SdkTracerProvider,
    tracing: Tracing,
}

/// One processor for the edge's spans and the application's.
#[derive(Clone, Debug)]
struct Shared(Arc<BatchSpanProcessor>);

// ===== impl Telemetry =====

impl Telemetry {
    /// Sets up what the environment asks for, and makes it OpenTelemetry's global provider and
    /// propagator.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the variables.
    pub fn from_env(service: &'static str) -> Result<Self, ConfigError> {
        if !is_wanted() {
            return Ok(Self { export: None });
        }
        let sampling = Sampling::from_env().map_err(|error| ConfigError::new(error.to_string()))?;
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|error| ConfigError::new(format!("OTLP: {error}")))?;
        let resource = resource(service);
        let mut batch = BatchSpanProcessor::builder(exporter).build();
        batch.set_resource(&resource);
        let processor = Shared(Arc::new(batch));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.clone())
            .with_sampler(sampling.for_application())
            .with_resource(resource)
            .build();
        global::set_tracer_provider(provider.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracing = Tracing::new(processor, sampling);
        Ok(Self {
            export: Some(Export { provider, tracing }),
        })
    }

    /// Whether spans are exported.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.export.is_some()
    }

    /// The observer to give to an edge. Watches nothing where nothing is exported.
    #[must_use]
    pub fn tracing(&self) -> Option<Tracing> {
        self.export.as_ref().map(|export| export.tracing.clone())
    }

    /// A `tracing` layer that makes the application's spans children of the edge's.
    ///
    /// It leaves out the `request` span that is there for log lines only.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.export.as_ref().map(|export| {
            let tracer = export.provider.tracer("application");
            let layer = tracing_opentelemetry::layer().with_tracer(tracer);
            layer.with_filter(filter_fn(is_traced))
        })
    }

    /// Exports what has ended, and stops. Call it when the server has stopped.
    pub fn shutdown(self) {
        if let Some(Export { provider, tracing }) = self.export {
            tracing.flush();
            if let Err(error) = provider.shutdown() {
                tracing::warn!(target: "portcullis", %error, "the last spans were not exported");
            }
        }
    }
}

// ===== impl Shared =====

impl SpanProcessor for Shared {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.0.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}

fn is_wanted() -> bool {
    let has = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let says = |name, value: &str| env::var(name).is_ok_and(|set| set.eq_ignore_ascii_case(value));
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return false;
    }
    has("OTEL_EXPORTER_OTLP_ENDPOINT")
        || has("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        || says("OTEL_TRACES_EXPORTER", "otlp")
}

fn resource(service: &'static str) -> Resource {
    let builder = Resource::builder();
    match env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => builder.build(),
        None => builder.with_service_name(service).build(),
    }
}

/// Everything but the span that carries the request's ID to log lines.
pub(crate) fn is_traced(metadata: &Metadata<'_>) -> bool {
    !(metadata.is_span() && metadata.target() == "portcullis" && metadata.name() == "request")
}
