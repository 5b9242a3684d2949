//! Paths of the server.

use serde::Deserialize;

use super::problems;
use crate::Error;

/// Paths, with their query. Each is requested with GET, `body` with POST.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Routes {
    /// Public, cheap, not limited: what the control client requests.
    pub control: Option<String>,
    /// Needs a key.
    pub protected: Option<String>,
    /// Has a rate limit for each client.
    pub limited: Option<String>,
    /// Takes a body, and reads it whole.
    pub body: Option<String>,
    /// The media type of the bodies that `body` takes, such as `application/json`.
    pub body_type: Option<String>,
    /// A small body that it takes, such as `{"title":"x"}`. Bodies of other lengths are made of it: JSON with
    /// spaces inside, others with bytes behind.
    pub body_sample: Option<String>,
    /// Takes `{ms}` milliseconds.
    pub slow: Option<String>,
    /// Panics.
    pub panic: Option<String>,
    /// Panics in the middle of its body.
    pub panic_body: Option<String>,
    /// Answers with 8 MiB or more.
    pub large: Option<String>,
    /// An HTML page with a nonce.
    pub page: Option<String>,
    /// Prometheus text.
    pub metrics: Option<String>,
    /// A WebSocket that needs a key.
    pub websocket: Option<String>,
    /// Liveness.
    pub health: Option<String>,
    /// Readiness.
    pub ready: Option<String>,
    /// Belongs to the client of `keys.valid`: no other client may read it.
    pub own: Option<String>,
    /// Needs a role that the client of `keys.valid` does not have.
    pub admin: Option<String>,
}

// ===== impl Routes =====

impl Routes {
    /// Sets the path of a route, by its name in a profile.
    ///
    /// # Errors
    ///
    /// Fails if no route has that name, if a path does not begin with `/`, or if that of the slow route has no
    /// `{ms}`.
    pub fn set(&mut self, name: &str, path: &str) -> Result<(), Error> {
        let route = match name {
            "control" => &mut self.control,
            "protected" => &mut self.protected,
            "limited" => &mut self.limited,
            "body" => &mut self.body,
            "slow" => &mut self.slow,
            "panic" => &mut self.panic,
            "panic_body" => &mut self.panic_body,
            "large" => &mut self.large,
            "page" => &mut self.page,
            "metrics" => &mut self.metrics,
            "websocket" => &mut self.websocket,
            "health" => &mut self.health,
            "ready" => &mut self.ready,
            "own" => &mut self.own,
            "admin" => &mut self.admin,
            _ => return Err(Error::profile(format!("{name}: no such route"))),
        };
        *route = Some(path.to_owned());
        match problems::routes(self).next() {
            Some(problem) => Err(Error::profile(problem)),
            None => Ok(()),
        }
    }

    /// Each, by its name. The slow one has `{ms}` in its path.
    pub(super) fn named(&self) -> [(&'static str, Option<&str>); 15] {
        [
            ("control", &self.control),
            ("protected", &self.protected),
            ("limited", &self.limited),
            ("body", &self.body),
            ("slow", &self.slow),
            ("panic", &self.panic),
            ("panic_body", &self.panic_body),
            ("large", &self.large),
            ("page", &self.page),
            ("metrics", &self.metrics),
            ("websocket", &self.websocket),
            ("health", &self.health),
            ("ready", &self.ready),
            ("own", &self.own),
            ("admin", &self.admin),
        ]
        .map(|(name, path)| (name, path.as_deref()))
    }
}
