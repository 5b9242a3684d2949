//! The subscriber and the tracer provider under the peers' trace layers.

use opentelemetry::{Context, global, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt};

/// Installs a subscriber whose only work is spans for OpenTelemetry; there are no log lines.
#[expect(clippy::expect_used, reason = "a stack has a process of its own")]
pub(crate) fn install(sampler: Sampler) {
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(Discard)
        .build();
    let tracer = provider.tracer("peers");
    let wanted = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("otel::tracing", LevelFilter::TRACE);
    let subscriber = tracing_subscriber::registry()
        .with(wanted)
        .with(tracing_opentelemetry::layer().with_tracer(tracer));
    global::set_tracer_provider(provider);
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracing::subscriber::set_global_default(subscriber).expect("no other is installed");
}

/// Drops a span when it ends, so that the request's own cost is all there is.
#[derive(Debug)]
struct Discard;

impl SpanProcessor for Discard {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}
