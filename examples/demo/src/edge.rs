//! The edge of the demo.

use std::time::Duration;

use portcullis::{
    AnyOf, ConfigError, Slot, access_log::AccessLog, api_key::ApiKeyGuard, audit::Audit,
    body_limit::BodyLimit, cross_site::CrossSite, error_report::ErrorReports, load_shed::LoadShed,
    lockout::Lockout, secure_headers::SecureHeaders, timeout::Timeout,
};
use portcullis_axum::EdgeLayer;
use portcullis_otel::Telemetry;

use crate::{app::Demo, page};

/// Every layer, configured by the environment.
pub(crate) fn build(
    demo: &Demo,
    telemetry: &Telemetry,
    audit: Option<&Audit>,
    access_log: AccessLog,
) -> Result<EdgeLayer, ConfigError> {
    let config = &demo.config;
    // Whichever a request has decides.
    let callers = AnyOf::new()
        .or(ApiKeyGuard::new(config.keys.clone()))
        .or(config.tokens.clone())
        .or(config.signatures.as_ref().map(|both| both.guard.clone()));
    let edge = portcullis_axum::edge();
    let edge = match audit {
        Some(audit) => edge
            .observe(audit.clone())
            .guard(Slot::BodyLimit, audit.guard()),
        None => edge,
    };
    edge.trust_proxies(&config.trusted_proxies)
        .observe(telemetry.tracing())
        .observe(demo.metrics.clone())
        .observe(telemetry.metrics())
        .observe(demo.seen.clone())
        .access_log(access_log)
        .report_errors(ErrorReports::to_tracing())
        .secure_headers(SecureHeaders::strict())
        .health(&demo.health)
        .limit_probes(config.limit_probes)
        .timeout(Timeout::new(DEADLINE).upload_idle(UPLOAD_IDLE))
        .cors(config.cors.clone())
        .cross_site(CrossSite::new())
        .load_shed(LoadShed::fixed(IN_FLIGHT))
        .rate_limit(config.quota)
        .body_limit(BodyLimit::new(config.body_limit).decoded(config.body_limit))
        .guard(Slot::Authentication, callers)
        .lockout(Lockout::default())
        .public(page::PATHS)
        // A browser can't send a header with a WebSocket.
        .public(["/ws"])
        // In production these are not routes, and answer 404.
        .public(["/debug/*"])
        .build()
}

/// Short, so that a person who presses "slow" sees it act.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
const UPLOAD_IDLE: Duration = Duration::from_secs(10);

/// Requests at once. A fixed number, so that what is tried against the demo is the same each time.
const IN_FLIGHT: u32 = 512;
