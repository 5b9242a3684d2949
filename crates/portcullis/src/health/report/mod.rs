//! What a probe is answered.

mod body;
mod draft;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Uri, header, request};
use portcullis_core::{accepted_quality, observe::Probe as IsProbe};

use super::{Health, viewers::Sight};

/// Which probe a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Health,
    Ready,
    Live,
    Startup,
}

/// How well it is. The numbers are those of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Unhealthy = 0,
    Degraded = 1,
    Healthy = 2,
}

/// What is to be said.
struct Answer<'h> {
    probe: Probe,
    level: Level,
    health: &'h Health,
    sight: Sight,
    is_verbose: bool,
}

// ===== impl Probe =====

impl Probe {
    pub(super) const ALL: [Self; 4] = [Self::Health, Self::Ready, Self::Live, Self::Startup];

    /// Returns the name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Live => "live",
            Self::Startup => "startup",
        }
    }

    pub(super) fn level(self, health: &Health) -> Level {
        let is_well = match self {
            Self::Health => return health.level(),
            Self::Ready => health.obstacle().is_none(),
            Self::Live => true,
            Self::Startup => health.has_started(),
        };
        if is_well {
            Level::Healthy
        } else {
            Level::Unhealthy
        }
    }

    /// Answers it, to somebody who sees so much.
    pub(super) fn answer(
        self,
        health: &Health,
        head: &request::Parts,
        sight: Sight,
    ) -> Response<Bytes> {
        let level = self.level(health);
        let answer = Answer {
            probe: self,
            level,
            health,
            sight,
            is_verbose: is_verbose(&head.uri),
        };
        let quality = |media_type| accepted_quality(&head.headers, media_type, |_| false);
        let is_draft = quality(DRAFT) > quality("application/json");
        let (content_type, body) = if is_draft {
            (HeaderValue::from_static(DRAFT), draft::body(&answer))
        } else {
            (JSON, body::body(&answer))
        };
        let mut response = Response::new(Bytes::from(body));
        if level == Level::Unhealthy {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response.extensions_mut().insert(IsProbe);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.insert(header::VARY, health.viewers.vary());
        response
    }

    const fn has_checks(self) -> bool {
        matches!(self, Self::Health | Self::Ready)
    }
}

// ===== impl Answer =====

impl Answer<'_> {
    /// Returns `true` if checks are to be shown.
    fn shows_checks(&self) -> bool {
        self.sight >= Sight::Names && self.probe.has_checks()
    }

    /// Returns why it is not well, if the caller may know.
    fn reason(&self) -> Option<Cow<'static, str>> {
        if self.sight < Sight::Names {
            return None;
        }
        match self.probe {
            Probe::Health => self.health.complaint().map(Into::into),
            Probe::Ready => self.health.obstacle(),
            Probe::Live => None,
            Probe::Startup => (self.level == Level::Unhealthy).then_some("warming up".into()),
        }
    }
}

/// Returns `true` if the query has the parameter `verbose`, as for Kubernetes' own probes.
fn is_verbose(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| parameter.split('=').next() == Some("verbose"))
}

/// Of draft-inadarei-api-health-check-06.
const DRAFT: &str = "application/health+json";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
