//! Log lines on standard error, and spans for OpenTelemetry that nobody collects.

use std::{error::Error, io};

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt};

pub(crate) fn install() -> Result<(), Box<dyn Error>> {
    let provider = SdkTracerProvider::builder().build();
    let tracer = provider.tracer("peers");
    let wanted = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("otel::tracing", LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(io::stderr);
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(LevelFilter::INFO))
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_filter(wanted),
        );
    global::set_tracer_provider(provider);
    global::set_text_map_propagator(TraceContextPropagator::new());
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(())
}
