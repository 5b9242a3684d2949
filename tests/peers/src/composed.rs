//! Today's usual layers around the application.

use std::{env, error::Error, io, time::Duration};

use axum::{Router, middleware::from_fn_with_state, routing::get};
use axum_prometheus::PrometheusMetricLayer;
use opentelemetry_sdk::trace::SdkTracerProvider;
use peers::{
    key_check,
    layers::{self, Quota},
    trace,
};
use tower::ServiceBuilder;
use tower_governor::key_extractor::SmartIpKeyExtractor;
use tracing::{level_filters::LevelFilter, subscriber::set_global_default};
use tracing_subscriber::{Layer, layer::SubscriberExt};

use crate::app;

/// Returns the application within all layers: 10 requests a second for each client, a body of 1 MiB,
/// 2 s for a handler, and the one key in `API_KEYS`.
pub(crate) fn router() -> Result<Router, Box<dyn Error>> {
    observe()?;
    let key = env::var("API_KEYS").unwrap_or_default();
    let (metrics, recorder) = PrometheusMetricLayer::pair();
    let guards = ServiceBuilder::new()
        .layer(layers::rate_limit(SmartIpKeyExtractor, Quota::TEN_A_SECOND))
        .layer(from_fn_with_state(
            key_check::keys(&key, 0),
            key_check::check,
        ))
        .layer(layers::bounds(Duration::from_secs(2)));
    let probes = Router::new()
        .route("/health", app::health())
        .route("/metrics", get(async move || recorder.render()));
    let guarded = app::guarded().layer(guards);
    Ok(guarded.merge(probes).layer(layers::edge(metrics)))
}

/// Log lines on standard error, and spans for OpenTelemetry that nobody collects.
fn observe() -> Result<(), Box<dyn Error>> {
    let tracer = trace::install(SdkTracerProvider::builder().build());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(io::stderr);
    let spans = tracing_opentelemetry::layer().with_tracer(tracer);
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(LevelFilter::INFO))
        .with(spans.with_filter(trace::targets()));
    set_global_default(subscriber)?;
    Ok(())
}
