use std::fmt;

use super::builder::Settings;
use crate::Health;

/// The effective stack, outermost first. Printed as two lines for each layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation(Vec<Line>);

/// One layer of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    layer: &'static str,
    value: Option<String>,
    why: &'static str,
}

/// What is limited, in words.
pub(super) struct Limits {
    pub(super) address: Option<String>,
    pub(super) in_flight: Option<String>,
    pub(super) principal: Option<String>,
}

// ===== impl Line =====

impl Line {
    /// The layer's name.
    #[must_use]
    pub const fn layer(&self) -> &'static str {
        self.layer
    }

    /// What it does, unless it is off.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Why it is where it is.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        self.why
    }
}

// ===== impl Explanation =====

impl Explanation {
    #[inline]
    pub(super) fn new(
        settings: &Settings,
        observed: Option<String>,
        limits: Limits,
        auth: Option<String>,
    ) -> Self {
        let auth = auth.map(|auth| format!("{auth}; public: {}", list(&settings.public)));
        let health = settings.health.as_ref();
        let values = [
            settings.client_address(),
            settings.request_id.header().map(ToString::to_string),
            observed,
            settings.headers(),
            health.map(|health| settings.probes(health)),
            settings
                .catches_panics
                .then(|| "answered with 500".to_owned()),
            settings.deadline(),
            limits.address,
            limits.in_flight,
            settings.body_limit.map(|limit| format!("{limit} bytes")),
            auth,
            limits.principal,
        ];
        let lines = LAYERS.iter().zip(values);
        let line = |(&(layer, why), value)| Line { layer, value, why };
        Self(lines.map(line).collect())
    }

    /// The layers, outermost first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.0.iter()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            let state = if line.value.is_some() { "on" } else { "off" };
            let (layer, value, why) = (line.layer, line.value().unwrap_or("-"), line.why);
            writeln!(f, "{layer:<18} {state:<3}  {value}\n{:24}{why}", "")?;
        }
        Ok(())
    }
}

// ===== impl Settings =====

impl Settings {
    fn client_address(&self) -> Option<String> {
        let strategy = self.client_ip.strategy();
        self.client_ip.is_on().then(|| strategy.to_string())
    }

    fn headers(&self) -> Option<String> {
        let name = self.secure_headers.name();
        (name != "off").then(|| format!("{name} profile"))
    }

    fn probes(&self, health: &Health) -> String {
        let checks: Vec<_> = health.checks().map(|(name, _)| name).collect();
        let place = match self.probes_limited {
            true => "; below the rate limit",
            false => "",
        };
        format!("/health and /ready; checks: {}{place}", list(&checks))
    }

    fn deadline(&self) -> Option<String> {
        let status = self.timeout.kind().status().as_u16();
        let after = self.timeout.after();
        after.map(|after| format!("{after:?}, then {status}"))
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    }
}

/// Each layer, and why it is where it is.
const LAYERS: [(&str, &str); 12] = [
    (
        "client address",
        "everything below counts or records by address",
    ),
    ("request ID", "everything below logs it"),
    ("observers", "they see refusals, panics and timeouts"),
    (
        "secure headers",
        "every answer below gets them, a 401 and a 500 too",
    ),
    ("health", "probes spend no quota and need no key"),
    (
        "panic recovery",
        "a panic in any guard below is an answer too",
    ),
    ("deadline", "it covers guards that wait for a store"),
    ("rate limit", "guessing keys must cost"),
    (
        "requests in flight",
        "who waits for an answer takes a place, known or not",
    ),
    ("body limit", "it comes before anything that reads a body"),
    ("authentication", "the application sees only known callers"),
    ("principal's limit", "it must be known who asks"),
];
