//! The layers, each as its documentation shows it.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use axum_helmet::{Helmet, HelmetLayer};
use axum_prometheus::PrometheusMetricLayer;
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use governor::middleware::StateInformationMiddleware;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor};
use tower_http::{
    catch_panic::{CatchPanicLayer, DefaultResponseForPanic},
    classify::{ServerErrorsAsFailures, SharedClassifier},
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer},
};
use tracing::Level;

/// What every answer passes, from the outside in. A tuple of layers is a layer.
pub type Edge = (
    RequestId,
    Traces,
    PrometheusMetricLayer<'static>,
    HelmetLayer,
    CatchPanicLayer<DefaultResponseForPanic>,
);

/// The layer of [`request_id`].
pub type RequestId = (SetRequestIdLayer<MakeRequestUuid>, PropagateRequestIdLayer);

/// The layer of [`traces`].
pub type Traces = (OtelAxumLayer, OtelInResponseLayer);

/// The layer of [`rate_limit`].
pub type RateLimit<K> = GovernorLayer<K, StateInformationMiddleware, Body>;

/// The layer of [`bounds`].
pub type Bounds = (RequestBodyLimitLayer, TimeoutLayer);

/// A quota: so many at once, one more after each period. Neither is zero.
#[derive(Clone, Copy, Debug)]
pub struct Quota(u32, Duration);

// ===== impl Quota =====

impl Quota {
    /// What no run reaches.
    pub const LARGE: Self = Self(1_000_000_000, Duration::from_nanos(1));

    /// What the first request spends.
    pub const ONE: Self = Self(1, Duration::from_secs(3_600));

    /// Ten at once, ten a second.
    pub const TEN_A_SECOND: Self = Self(10, Duration::from_millis(100));
}

/// Returns the layers around those that refuse: identifiers, traces, metrics, headers, panics.
#[must_use]
pub fn edge(metrics: PrometheusMetricLayer<'static>) -> Edge {
    (
        request_id(),
        traces(),
        metrics,
        secure_headers(),
        CatchPanicLayer::new(),
    )
}

/// Returns the layers that make a request ID, and copy it to the answer.
#[must_use]
pub fn request_id() -> RequestId {
    (
        SetRequestIdLayer::x_request_id(MakeRequestUuid),
        PropagateRequestIdLayer::x_request_id(),
    )
}

/// Returns the layers that make a span, and copy the trace context to the answer.
#[must_use]
pub fn traces() -> Traces {
    (OtelAxumLayer::default(), OtelInResponseLayer)
}

/// Returns the layer that counts and times requests, for a global recorder that this installs.
#[must_use]
pub fn metrics() -> PrometheusMetricLayer<'static> {
    PrometheusMetricLayer::pair().0
}

/// The layer of [`lines`].
pub type Lines = TraceLayer<SharedClassifier<ServerErrorsAsFailures>>;

/// Returns the layer that writes one line at `INFO` for each answer, in a span with method, path and
/// version.
#[must_use]
pub fn lines() -> Lines {
    TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO))
}

/// Returns the layer of the default set of headers.
///
/// # Panics
///
/// Never: the configuration is fixed.
#[must_use]
#[expect(clippy::expect_used, reason = "the configuration is fixed")]
pub fn secure_headers() -> HelmetLayer {
    Helmet::default()
        .into_layer()
        .expect("its defaults are valid")
}

/// Returns the layer that limits each client, as the extractor tells clients apart.
///
/// # Panics
///
/// Never: a quota is not zero.
#[must_use]
#[expect(clippy::expect_used, reason = "a quota is not zero")]
pub fn rate_limit<K: KeyExtractor>(extractor: K, Quota(burst, period): Quota) -> RateLimit<K> {
    let config = GovernorConfigBuilder::default()
        .period(period)
        .burst_size(burst)
        .key_extractor(extractor)
        .use_headers()
        .finish();
    GovernorLayer::new(config.expect("period and burst are not zero"))
}

/// Returns the layers that refuse a declared body of more than 1 MiB, and answer after a time without
/// an answer.
#[must_use]
pub fn bounds(time: Duration) -> Bounds {
    (body_limit(), timeout(time))
}

/// Returns the layer that refuses a declared body of more than 1 MiB.
#[must_use]
pub fn body_limit() -> RequestBodyLimitLayer {
    RequestBodyLimitLayer::new(1 << 20)
}

/// Returns the layer that answers with 504 after a time without an answer.
#[must_use]
pub fn timeout(time: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time)
}
