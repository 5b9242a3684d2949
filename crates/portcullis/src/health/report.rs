//! What a probe is answered.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Serialize, Serializer};

use super::Health;

/// Which probe a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Health,
    Ready,
}

impl Probe {
    pub(super) fn answer(self, health: &Health) -> Response<Bytes> {
        let (status, reason) = match self {
            Self::Health if !health.is_healthy() => ("unhealthy", None),
            Self::Health if health.is_degraded() => ("degraded", None),
            Self::Health => ("healthy", None),
            Self::Ready => match health.obstacle() {
                None => ("ready", None),
                Some(reason) => ("not ready", Some(reason)),
            },
        };
        let is_well = matches!(status, "healthy" | "degraded" | "ready");
        respond(
            is_well,
            &Report {
                status,
                reason,
                checks: Checks(health),
            },
        )
    }
}

/// What a probe is answered, in the order that people read it.
#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    checks: Checks<'a>,
}

/// The checks, in the order they were added.
struct Checks<'a>(&'a Health);

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let checks = self.0.checks();
        serializer.collect_map(checks.map(|(name, state)| (name, state.as_str())))
    }
}

fn respond(is_well: bool, report: &Report<'_>) -> Response<Bytes> {
    // Strings: this cannot fail.
    let body = serde_json::to_vec(report).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    if !is_well {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
