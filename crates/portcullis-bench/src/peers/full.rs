//! Today's best composition of peers, with the duties of a whole edge.

use ::peers::{
    key_check,
    layers::{self, Quota},
};
use axum::{Router, middleware::from_fn_with_state, routing::get};
use opentelemetry_sdk::trace::Sampler;
use tower::ServiceBuilder;
use tower_governor::key_extractor::PeerIpKeyExtractor;

use crate::{
    ask::KEY,
    peers::{DEADLINE, bare, trace},
};

/// Every peer, no trace sampled.
pub(crate) fn not_sampled() -> Router {
    full(Sampler::AlwaysOff, Quota::LARGE)
}

/// Every peer, every trace sampled.
pub(crate) fn sampled() -> Router {
    full(Sampler::AlwaysOn, Quota::LARGE)
}

/// Every peer, no trace sampled, a quota that the first request spends.
pub(crate) fn quota_spent() -> Router {
    full(Sampler::AlwaysOff, Quota::ONE)
}

/// One builder in one `Router::layer` call: each further call would box and clone the route again.
fn full(sampler: Sampler, quota: Quota) -> Router {
    trace::install(sampler);
    let all = ServiceBuilder::new()
        .layer(layers::edge(layers::metrics()))
        .layer(layers::rate_limit(PeerIpKeyExtractor, quota))
        .layer(from_fn_with_state(
            key_check::keys(KEY, 100),
            key_check::check,
        ))
        .layer(layers::bounds(DEADLINE));
    bare().layer(all).route("/health", get(async || "ok"))
}
