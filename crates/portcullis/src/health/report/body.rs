//! The answer as people read it.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::{Answer, Level, Probe};
use crate::health::{Health, check::Background, viewers::Sight};

/// What a probe is answered, in the order that people read it.
#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks<'a>>,
}

/// The checks, in the order they were added.
enum Checks<'a> {
    States(&'a Health),
    Verbose(&'a Health),
}

/// What `?verbose` says of a check.
#[derive(Serialize)]
struct Verbose {
    status: &'static str,
    impact: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    runs: u64,
    failures: u64,
}

// ===== impl Checks =====

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::States(health) => {
                serializer.collect_map(health.checks().map(|(name, state)| (name, state.as_str())))
            }
            Self::Verbose(health) => {
                serializer.collect_map(health.all().map(|check| (&*check.name, Verbose::of(check))))
            }
        }
    }
}

// ===== impl Verbose =====

impl Verbose {
    fn of(check: &Background) -> Self {
        let [runs, failures] = check.counts();
        let last = check.last();
        Self {
            status: check.state().as_str(),
            impact: check.impact.as_str(),
            took_ms: last.as_ref().map(|last| last.took.as_millis() as u64),
            reason: last.and_then(|last| last.reason),
            runs,
            failures,
        }
    }
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let health = answer.health;
    let checks = if answer.is_verbose && answer.sight == Sight::Reasons {
        Checks::Verbose(health)
    } else {
        Checks::States(health)
    };
    let body = Body {
        status: status(answer.probe, answer.level),
        reason: answer.reason(),
        checks: answer.shows_checks().then_some(checks),
    };
    // Strings and numbers: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

const fn status(probe: Probe, level: Level) -> &'static str {
    match (probe, level) {
        (Probe::Health, Level::Healthy) => "healthy",
        (Probe::Health, Level::Degraded) => "degraded",
        (Probe::Health, Level::Unhealthy) => "unhealthy",
        (Probe::Ready, Level::Unhealthy) => "not ready",
        (Probe::Ready, _) => "ready",
        (Probe::Live, _) => "alive",
        (Probe::Startup, Level::Unhealthy) => "starting",
        (Probe::Startup, _) => "started",
    }
}
