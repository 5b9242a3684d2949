//! What stands under the trace layers. The subscriber is the program's own: the server writes log
//! lines, the stacks that are measured write none.

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// Installs the provider and W3C trace context for the process, and returns the tracer for the
/// subscriber.
#[must_use = "the subscriber needs it"]
pub fn install(provider: SdkTracerProvider) -> SdkTracer {
    let tracer = provider.tracer("peers");
    global::set_tracer_provider(provider);
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracer
}

/// Returns the spans that become spans of OpenTelemetry.
#[must_use]
pub fn targets() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("otel::tracing", LevelFilter::TRACE)
}
