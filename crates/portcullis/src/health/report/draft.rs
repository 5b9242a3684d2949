//! The answer as `application/health+json`, of draft-inadarei-api-health-check-06.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::{Answer, Level};
use crate::{
    health::{
        Health,
        check::{Background, Impact, State},
        viewers::Sight,
    },
    json_line::rfc3339,
};

/// Section 3.
#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks<'a>>,
}

/// Section 4: an object whose keys have arrays.
struct Checks<'a> {
    health: &'a Health,
    sight: Sight,
}

/// The time that a check took.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

// ===== impl Checks =====

impl Serialize for Checks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sight = self.sight;
        serializer.collect_map(self.health.all().map(|check| {
            let key = format!("{}:responseTime", check.name);
            (key, [Check::new(check, sight)])
        }))
    }
}

// ===== impl Check =====

impl Check {
    fn new(check: &Background, sight: Sight) -> Self {
        let level = level(check);
        let last = check.last().filter(|_| sight == Sight::Reasons);
        Self {
            status: word(level),
            observed_value: last.as_ref().map(|last| last.took.as_millis() as u64),
            observed_unit: last.as_ref().map(|_| "ms"),
            time: last.as_ref().map(|last| rfc3339(last.at)),
            output: last
                .and_then(|last| last.reason)
                .filter(|_| level != Level::Healthy),
        }
    }
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let checks = Checks {
        health: answer.health,
        sight: answer.sight,
    };
    let body = Body {
        status: word(answer.level),
        output: answer.reason(),
        checks: answer.shows_checks().then_some(checks),
    };
    // Strings and numbers: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Returns how well a check is: what it makes of the whole. Without a result it is not known to be well.
fn level(check: &Background) -> Level {
    match check.state() {
        State::Ok => Level::Healthy,
        State::Pending | State::Degraded => Level::Degraded,
        _ if check.impact == Impact::Critical => Level::Unhealthy,
        _ => Level::Degraded,
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Healthy => "pass",
        Level::Degraded => "warn",
        Level::Unhealthy => "fail",
    }
}
