use http::{Method, request};
use portcullis_core::ConfigError;

use super::report::Probe;
use crate::engine::{OwnPath, RouteFrom};

/// The paths of probes.
#[derive(Clone, Debug)]
pub(super) struct ProbePaths {
    health: OwnPath,
    ready: OwnPath,
}

// ===== impl ProbePaths =====

impl ProbePaths {
    pub(super) fn parse(health: &str, ready: &str) -> Result<Self, ConfigError> {
        let paths = [OwnPath::parse(health), OwnPath::parse(ready)];
        let wrong = paths.iter().filter_map(|path| path.as_ref().err());
        let mut problems: Vec<_> = wrong.map(|problem| format!("health: {problem}")).collect();
        if health == ready {
            problems.push(format!("health: {health:?} is both probes"));
        }
        ConfigError::check(problems)?;
        let [health, ready] = paths.map(|path| path.map_err(ConfigError::new));
        Ok(Self {
            health: health?,
            ready: ready?,
        })
    }

    /// Returns the probe that a request is.
    #[inline]
    pub(super) fn probe(&self, head: &request::Parts) -> Option<Probe> {
        let (path, probe) = if self.health.matches(&head.uri) {
            (&self.health, Probe::Health)
        } else if self.ready.matches(&head.uri) {
            (&self.ready, Probe::Ready)
        } else {
            return None;
        };
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        reads.then(|| {
            path.warn_of_route(head);
            probe
        })
    }

    pub(super) fn set_route_from(&mut self, route: Option<RouteFrom>) {
        self.health.set_route_from(route);
        self.ready.set_route_from(route);
    }

    /// Returns both: that of `/health` first.
    pub(super) fn as_strs(&self) -> [&str; 2] {
        [self.health.as_str(), self.ready.as_str()]
    }
}

impl Default for ProbePaths {
    fn default() -> Self {
        Self {
            health: OwnPath::new("/health"),
            ready: OwnPath::new("/ready"),
        }
    }
}
