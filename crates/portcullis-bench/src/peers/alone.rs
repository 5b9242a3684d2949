//! Each peer alone around the route, so that a layer of ours has one to be compared with.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
};

use ::peers::{
    key_check,
    layers::{self, Quota},
};
use axum::{Router, middleware::from_fn_with_state};
use governor::RateLimiter;
use opentelemetry_sdk::trace::Sampler;
use tower_governor::key_extractor::PeerIpKeyExtractor;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    ask::KEY,
    peers::{DEADLINE, bare, trace},
    stack::Step,
};

pub(crate) fn request_id() -> Router {
    bare().layer(layers::request_id())
}

pub(crate) fn catch_panic() -> Router {
    bare().layer(CatchPanicLayer::new())
}

pub(crate) fn timeout() -> Router {
    bare().layer(layers::timeout(DEADLINE))
}

pub(crate) fn body_limit() -> Router {
    bare().layer(layers::body_limit())
}

pub(crate) fn rate_limit() -> Router {
    bare().layer(layers::rate_limit(PeerIpKeyExtractor, Quota::LARGE))
}

pub(crate) fn trace_not_sampled() -> Router {
    traced(Sampler::AlwaysOff)
}

pub(crate) fn trace_sampled() -> Router {
    traced(Sampler::AlwaysOn)
}

fn traced(sampler: Sampler) -> Router {
    trace::install(sampler);
    bare().layer(layers::traces())
}

pub(crate) fn metrics() -> Router {
    bare().layer(layers::metrics())
}

pub(crate) fn secure_headers() -> Router {
    bare().layer(layers::secure_headers())
}

pub(crate) fn api_key() -> Router {
    let keys = key_check::keys(KEY, 100);
    bare().layer(from_fn_with_state(keys, key_check::check))
}

/// One a nanosecond: a longer quota has a period of zero.
const A_LOT: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

/// The check without a layer around it; nobody is limited.
pub(crate) fn limiter_check() -> Step {
    let limiter = RateLimiter::<IpAddr, _, _>::keyed(governor::Quota::per_second(A_LOT));
    let mut turn = 0_u32;
    Box::new(move || {
        turn = (turn + 1) % 1_000;
        let address = Ipv4Addr::from_bits(turn);
        let _ = black_box(limiter.check_key(black_box(&address.into())));
    })
}
