//! Each peer alone around the route, so that a layer of ours has one to be compared with.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
};

use axum::{Router, middleware::from_fn_with_state};
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use governor::{Quota, RateLimiter};
use opentelemetry_sdk::trace::Sampler;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::{
    peers::{bare, key_check, layers, trace},
    stack::Step,
};

pub(crate) fn request_id() -> Router {
    let both = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id());
    bare().layer(both)
}

pub(crate) fn catch_panic() -> Router {
    bare().layer(CatchPanicLayer::new())
}

pub(crate) fn timeout() -> Router {
    bare().layer(layers::timeout())
}

pub(crate) fn body_limit() -> Router {
    bare().layer(layers::body_limit())
}

pub(crate) fn rate_limit() -> Router {
    bare().layer(layers::rate_limit(layers::LARGE))
}

pub(crate) fn trace_not_sampled() -> Router {
    traced(Sampler::AlwaysOff)
}

pub(crate) fn trace_sampled() -> Router {
    traced(Sampler::AlwaysOn)
}

fn traced(sampler: Sampler) -> Router {
    trace::install(sampler);
    let both = ServiceBuilder::new()
        .layer(OtelAxumLayer::default())
        .layer(OtelInResponseLayer);
    bare().layer(both)
}

pub(crate) fn metrics() -> Router {
    bare().layer(layers::metrics())
}

pub(crate) fn secure_headers() -> Router {
    bare().layer(layers::secure_headers())
}

pub(crate) fn api_key() -> Router {
    bare().layer(from_fn_with_state(key_check::keys(), key_check::check))
}

/// One a nanosecond: a longer quota has a period of zero.
const A_LOT: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

/// The check without a layer around it; nobody is limited.
pub(crate) fn limiter_check() -> Step {
    let limiter = RateLimiter::<IpAddr, _, _>::keyed(Quota::per_second(A_LOT));
    let mut turn = 0_u32;
    Box::new(move || {
        turn = (turn + 1) % 1_000;
        let address = Ipv4Addr::from_bits(turn);
        let _ = black_box(limiter.check_key(black_box(&address.into())));
    })
}
