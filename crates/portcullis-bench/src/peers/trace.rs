//! The subscriber and the tracer provider under the peers' trace layers.

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Identity, SubscriberExt},
};

/// Installs a subscriber whose only work is spans for OpenTelemetry; there are no log lines.
pub(crate) fn install(sampler: Sampler) {
    install_with(sampler, Identity::new());
}

/// Installs the same with a layer above it.
#[expect(clippy::expect_used, reason = "a stack has a process of its own")]
pub(crate) fn install_with<L>(sampler: Sampler, lines: L)
where
    L: Layer<Registry> + Send + Sync + 'static,
{
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(Discard)
        .build();
    let tracer = ::peers::trace::install(provider);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
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
