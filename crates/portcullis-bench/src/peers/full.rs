//! Today's best composition of peers, with the duties of a whole edge.

use axum::{Router, middleware::from_fn_with_state, routing::get};
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use opentelemetry_sdk::trace::Sampler;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::peers::{
    bare, key_check,
    layers::{self, Quota},
    trace,
};

/// Every peer, no trace sampled.
pub(crate) fn not_sampled() -> Router {
    full(Sampler::AlwaysOff, layers::LARGE)
}

/// Every peer, every trace sampled.
pub(crate) fn sampled() -> Router {
    full(Sampler::AlwaysOn, layers::LARGE)
}

/// Every peer, no trace sampled, a quota that the first request spends.
pub(crate) fn quota_spent() -> Router {
    full(Sampler::AlwaysOff, layers::ONE)
}

/// One builder in one `Router::layer` call: each further call would box and clone the route again.
fn full(sampler: Sampler, quota: Quota) -> Router {
    trace::install(sampler);
    let edge = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(OtelAxumLayer::default())
        .layer(OtelInResponseLayer)
        .layer(layers::metrics())
        .layer(layers::secure_headers())
        .layer(CatchPanicLayer::new())
        .layer(layers::rate_limit(quota))
        .layer(from_fn_with_state(key_check::keys(), key_check::check))
        .layer(layers::body_limit())
        .layer(layers::timeout());
    bare().layer(edge).route("/health", get(async || "ok"))
}
