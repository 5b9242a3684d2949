//! What it costs that everything is seen: traces, metrics, and a line of JSON for each answer, ours and
//! the peers', around the same route.

use std::io;

use axum::Router;
use portcullis::{ObserveLayer, access_log::AccessLog, request_id::RequestIdLayer};
use portcullis_axum::matched_path;
use portcullis_otel::{Sampling, Tracing};
use portcullis_prometheus::Metrics;
use tower::ServiceBuilder;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    ours::Stopped,
    peers::{bare, observed as peers},
    stack::Stack,
};

pub(crate) const PEERS: &str = "peers, observed, not sampled";
pub(crate) const PEERS_SAMPLED: &str = "peers, observed, sampled";
pub(crate) const OURS: &str = "observed, not sampled";
pub(crate) const OURS_SAMPLED: &str = "observed, sampled";

/// The rows.
pub(crate) const COSTS: [Stack; 5] = [
    Stack::route(
        PEERS,
        "axum-tracing-opentelemetry 0.42, axum-prometheus 0.10 and tower-http 0.7 `TraceLayer` over tracing-subscriber's JSON, to nowhere",
        peers::not_sampled,
        crate::ask::Ask::PLAIN,
    ),
    Stack::route(
        PEERS_SAMPLED,
        "the same, every trace sampled and its span dropped when it ends",
        peers::sampled,
        crate::ask::Ask::PLAIN,
    ),
    Stack::route(
        "peer: lines of JSON",
        "the `TraceLayer` alone",
        peers::lines,
        crate::ask::Ask::PLAIN,
    ),
    Stack::layer(
        OURS,
        PEERS,
        "`ObserveLayer` with `Tracing`, `Metrics` and `AccessLog`, to nowhere; `RequestIdLayer`, whose span the application's JSON lines are in",
        not_sampled,
    ),
    Stack::layer(
        OURS_SAMPLED,
        PEERS_SAMPLED,
        "the same, every trace sampled and its span dropped when it ends",
        sampled,
    ),
];

fn not_sampled() -> Router {
    observed(Sampling::never())
}

fn sampled() -> Router {
    observed(Sampling::always())
}

#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
fn observed(sampling: Sampling) -> Router {
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(peers::json());
    tracing::subscriber::set_global_default(subscriber).expect("no other is installed");
    let log = AccessLog::to_writer(io::sink()).build();
    let observe = ObserveLayer::new(Tracing::new(Stopped, sampling))
        .and(Metrics::new())
        .and(log.expect("it is right"))
        .route_from(matched_path);
    let all = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(observe);
    bare().layer(all)
}
