//! The subscriber and the tracer provider under the peers' trace layers.

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing_subscriber::layer::SubscriberExt;

/// Installs a subscriber whose only work is spans for OpenTelemetry; there are no log lines.
#[expect(clippy::expect_used, reason = "a stack has a process of its own")]
pub(crate) fn install(sampler: Sampler) {
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(Discard)
        .build();
    let tracer = ::peers::trace::install(provider);
    let subscriber = tracing_subscriber::registry()
        .with(::peers::trace::targets())
        .with(tracing_opentelemetry::layer().with_tracer(tracer));
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
