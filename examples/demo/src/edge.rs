//! The edge of the demo.

use std::time::Duration;

use portcullis::{
    ConfigError, Edge, EdgeLayer, ProblemJson,
    api_key::{ApiKeyGuard, Keys},
    rate_limit::RateLimit,
    secure_headers::SecureHeadersLayer,
};
use portcullis_axum::{AxumBody, EdgeExt};
use portcullis_otel::{Telemetry, Tracing};
use portcullis_prometheus::Metrics;

use crate::{app::Demo, page};

type Observers = (((), Option<Tracing>), Metrics);

/// Every layer, configured by the environment.
pub(crate) fn build(
    demo: &Demo,
    telemetry: &Telemetry,
) -> Result<EdgeLayer<ApiKeyGuard<Keys>, RateLimit, Observers, ProblemJson, AxumBody>, ConfigError>
{
    let config = &demo.config;
    let edge = Edge::new()
        .for_axum()
        .trust_proxies(&config.trusted_proxies)
        .observe(telemetry.tracing())
        .observe(demo.metrics.clone())
        .secure_headers(SecureHeadersLayer::html())
        .health(&demo.health)
        .limit_probes(config.limit_probes)
        .timeout(DEADLINE)
        .rate_limit(config.quota)
        .body_limit(config.body_limit)
        .api_keys(config.keys.clone())
        .public(page::PATHS)
        // A browser can't send a header with a WebSocket.
        .public(["/ws"])
        // In production these are not routes, and answer 404.
        .public(["/debug/*"])
        .build()?;
    demo.metrics.add(edge.counters());
    Ok(edge)
}

/// Short, so that a person who presses "slow" sees it act.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
