//! The peers' layers, configured once for the whole stack and for each alone.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use axum_helmet::{Helmet, HelmetLayer};
use axum_prometheus::PrometheusMetricLayer;
use governor::middleware::StateInformationMiddleware;
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::PeerIpKeyExtractor,
};
use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

/// The layer of [`rate_limit`].
pub(crate) type RateLimit = GovernorLayer<PeerIpKeyExtractor, StateInformationMiddleware, Body>;

/// Refuses a body that declares more than 1 MiB.
pub(crate) fn body_limit() -> RequestBodyLimitLayer {
    RequestBodyLimitLayer::new(1 << 20)
}

/// Answers after 30 s without one.
pub(crate) fn timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30))
}

/// A quota: so many at once, one more after each period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota(u32, Duration);

/// What no run reaches.
pub(crate) const LARGE: Quota = Quota(1_000_000_000, Duration::from_nanos(1));

/// What the first request spends.
pub(crate) const ONE: Quota = Quota(1, Duration::from_secs(3_600));

/// Limits by the peer's address.
#[expect(clippy::expect_used, reason = "the configuration is fixed")]
pub(crate) fn rate_limit(quota: Quota) -> RateLimit {
    let config = GovernorConfigBuilder::default()
        .period(quota.1)
        .burst_size(quota.0)
        .use_headers()
        .finish();
    GovernorLayer::new(config.expect("period and burst are not zero"))
}

/// Counts and times requests, for a global recorder that it installs.
pub(crate) fn metrics() -> PrometheusMetricLayer<'static> {
    PrometheusMetricLayer::pair().0
}

/// The default set of headers.
#[expect(clippy::expect_used, reason = "the configuration is fixed")]
pub(crate) fn secure_headers() -> HelmetLayer {
    Helmet::default()
        .into_layer()
        .expect("its defaults are valid")
}
