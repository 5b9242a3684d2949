//! Today's traces, metrics and lines of JSON, without the rest of an edge.

use std::io;

use ::peers::layers;
use axum::Router;
use opentelemetry_sdk::trace::Sampler;
use tower::ServiceBuilder;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::SubscriberExt, registry::LookupSpan};

use crate::peers::{bare, trace};

/// All of them, no trace sampled.
pub(crate) fn not_sampled() -> Router {
    observed(Sampler::AlwaysOff)
}

/// All of them, every trace sampled.
pub(crate) fn sampled() -> Router {
    observed(Sampler::AlwaysOn)
}

fn observed(sampler: Sampler) -> Router {
    trace::install_with(sampler, json());
    let all = ServiceBuilder::new()
        .layer(layers::traces())
        .layer(layers::metrics())
        .layer(layers::lines());
    bare().layer(all)
}

/// Lines alone, each written as JSON to nowhere.
#[expect(clippy::expect_used, reason = "a stack has a process of its own")]
pub(crate) fn lines() -> Router {
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(json());
    tracing::subscriber::set_global_default(subscriber).expect("no other is installed");
    bare().layer(layers::lines())
}

/// A layer that writes lines of JSON to nowhere.
pub(crate) fn json<S>() -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .with_writer(io::sink)
}
