//! The stacks of portcullis, around the same route as the peers.

use std::{
    convert::Infallible,
    future::{Future, Ready},
    hint::black_box,
    net::Ipv4Addr,
    pin::pin,
    task::{Context, Waker},
    thread,
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, Request, Response, header::CONTENT_TYPE},
};
use bytes::Bytes;
use http_body_util::Full;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use portcullis::{
    ClientIp, ConfigError, Facts, Health, ObserveLayer, PeerAddr, Quota, Received, Slot,
    api_key::{ApiKeyLayer, Keys},
    body_limit::BodyLimitLayer,
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    hygiene::HygieneLayer,
    load_shed::{LoadShed, LoadShedLayer},
    rate_limit::{Key, Limiter, Prefixes, RateLimitLayer, Timestamp},
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};
use portcullis_axum::{AxumEdge, EdgeLayer, matched_path};
use portcullis_otel::{Sampling, Tracing};
use portcullis_prometheus::Metrics;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::{ask::KEY, peers::bare, stack::Step};

pub(crate) fn not_sampled() -> Router {
    bare().layer(edge(Sampling::never(), LARGE))
}

pub(crate) fn sampled() -> Router {
    bare().layer(edge(Sampling::always(), LARGE))
}

pub(crate) fn quota_spent() -> Router {
    bare().layer(edge(Sampling::never(), Quota::per_hour(1)))
}

pub(crate) fn request_id() -> Router {
    bare().layer(RequestIdLayer::new())
}

pub(crate) fn catch_panic() -> Router {
    bare().layer(CatchPanicLayer::new())
}

pub(crate) fn hygiene() -> Router {
    bare().layer(HygieneLayer::new())
}

pub(crate) fn timeout() -> Router {
    bare().layer(TimeoutLayer::new(DEADLINE))
}

pub(crate) fn body_limit() -> Router {
    bare().layer(BodyLimitLayer::new(BODY))
}

/// With the layer that finds the address, as the peer does it itself.
pub(crate) fn rate_limit() -> Router {
    let both = ServiceBuilder::new()
        .layer(ClientIpLayer::default())
        .layer(RateLimitLayer::new(LARGE));
    bare().layer(both)
}

pub(crate) fn trace_not_sampled() -> Router {
    bare().layer(traced(Sampling::never()))
}

pub(crate) fn trace_sampled() -> Router {
    bare().layer(traced(Sampling::always()))
}

pub(crate) fn metrics() -> Router {
    bare().layer(ObserveLayer::new(Metrics::new()).route_from(matched_path))
}

pub(crate) fn secure_headers() -> Router {
    bare().layer(SecureHeadersLayer::api())
}

pub(crate) fn api_key() -> Router {
    bare().layer(ApiKeyLayer::new(keys()))
}

/// A clone of the whole edge, as a server makes one for each request.
pub(crate) fn clone() -> Step {
    let service = edge(Sampling::never(), LARGE).layer(service_fn(answer));
    Box::new(move || drop(black_box(service.clone())))
}

fn answer(_: Request<axum::body::Body>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    std::future::ready(Ok(Response::default()))
}

/// One check of the limiter by itself, with a reading of the clock.
pub(crate) fn limiter_check() -> Step {
    limiter_step(|limiter, key, _| limiter.check(key).is_ok())
}

/// One check at a time that is known, as the layer makes it below another that read the clock.
pub(crate) fn limiter_check_at() -> Step {
    limiter_step(|limiter, key, now| limiter.check_at(key, now, 1).is_ok())
}

fn limiter_step(check: impl Fn(&Limiter, &Key<'_>, Timestamp) -> bool + 'static) -> Step {
    let limiter = Limiter::new(LARGE);
    let now = limiter.now();
    let mut turn = 0_u32;
    Box::new(move || {
        turn = (turn + 1) % 1_000;
        let address = Ipv4Addr::from_bits(turn).into();
        let key = Key::from_address(black_box(address), Prefixes::SUBSCRIBER);
        black_box(check(&limiter, &key, now));
    })
}

/// A service without a framework, asked with the facts that `serve` and `ClientIpLayer` leave.
pub(crate) fn service() -> Step {
    asked(service_fn(hello))
}

/// The same below a rate limit: all that the layer adds.
pub(crate) fn limited_service() -> Step {
    asked(RateLimitLayer::new(LARGE).layer(service_fn(hello)))
}

/// The same below a limit that follows latency, which is never reached.
pub(crate) fn shedding_service() -> Step {
    asked(LoadShedLayer::from(LoadShed::adaptive()).layer(service_fn(hello)))
}

/// The same where everything is shed.
pub(crate) fn shed_service() -> Step {
    asked(LoadShedLayer::from(LoadShed::fixed(0)).layer(service_fn(hello)))
}

/// The same below a layer that holds what only bodies end: what holding costs by itself.
pub(crate) fn fixed_service() -> Step {
    asked(LoadShedLayer::from(LoadShed::fixed(1000)).layer(service_fn(hello)))
}

/// Everything on, and load shed by latency, nobody shed.
#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
pub(crate) fn shedding() -> Router {
    let edge = with_all(Sampling::never(), LARGE).load_shed(LoadShed::adaptive());
    bare().layer(edge.build().expect("the stack is right"))
}

/// Everything on but hygiene and the deadline, and no load shed.
#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
pub(crate) fn without_three() -> Router {
    let edge = with_all(Sampling::never(), LARGE)
        .hygiene(None)
        .timeout(None);
    bare().layer(edge.build().expect("the stack is right"))
}

/// Everything on, and everything shed.
#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
pub(crate) fn all_shed() -> Router {
    let edge = with_all(Sampling::never(), LARGE).guard(Slot::LoadShed, LoadShed::fixed(0));
    bare().layer(edge.build().expect("the stack is right"))
}

async fn hello(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("hello"));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

/// Sends a request to a service that never waits.
fn asked<S, B>(service: S) -> Step
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    S: Clone + 'static,
{
    Box::new(move || {
        let mut request = Request::new(Full::default());
        let facts = Facts::of_mut(request.extensions_mut());
        facts.set(PeerAddr(([192, 0, 2, 1], 1).into()));
        facts.set(ClientIp([192, 0, 2, 1].into()));
        facts.set(Received(Instant::now()));
        let mut service = service.clone();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = service.poll_ready(&mut cx);
        let answer = pin!(service.call(request)).poll(&mut cx);
        black_box(&answer);
    })
}

/// Everything on.
#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
fn edge(sampling: Sampling, quota: Quota) -> EdgeLayer {
    build(sampling, quota).expect("the stack is right")
}

fn build(sampling: Sampling, quota: Quota) -> Result<EdgeLayer, ConfigError> {
    with_all(sampling, quota).build()
}

fn with_all(sampling: Sampling, quota: Quota) -> AxumEdge {
    portcullis_axum::edge()
        .observe(Tracing::new(Stopped, sampling))
        .observe(Metrics::new())
        .health(&Health::new())
        .timeout(DEADLINE)
        .rate_limit(quota)
        .body_limit(BODY)
        .api_keys(keys())
}

fn traced(sampling: Sampling) -> ObserveLayer {
    ObserveLayer::new(Tracing::new(Stopped, sampling)).route_from(matched_path)
}

#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
fn keys() -> Keys {
    Keys::parse(KEY).expect("the key is right")
}

/// Stops the thread that makes spans at its first one, so that the request's own thread is all
/// that is counted. Once the queue is full that thread also drops what it made.
#[derive(Debug)]
pub(crate) struct Stopped;

impl SpanProcessor for Stopped {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, _: SpanData) {
        loop {
            thread::park();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

const BODY: u64 = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(30);
/// Nobody is limited.
const LARGE: Quota = Quota::per_second(1_000_000_000).burst(1000);
