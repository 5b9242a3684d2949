use http::{Method, request};
use portcullis_core::ConfigError;

use super::report::Probe;
use crate::engine::{OwnPath, RouteFrom};

/// The paths of probes: `/health`, `/ready` and `/live`, and none for start-up, unless set.
///
/// ```
/// use portcullis::health::{Health, ProbePaths};
///
/// let paths = ProbePaths::new().health("/healthz").live(None).startup("/startup");
/// let health = Health::new().paths(paths)?;
/// assert_eq!(health.probe_paths(), ["/healthz", "/ready", "/startup"]);
///
/// let wrong = ProbePaths::new().health("healthz").ready("/live");
/// assert_eq!(
///     Health::new().paths(wrong).unwrap_err().to_string(),
///     "health: \"healthz\" is not a path; health: \"/live\" is the path of two probes",
/// );
/// # Ok::<(), portcullis::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is to be given to `Health::paths`"]
pub struct ProbePaths([Option<String>; Probe::ALL.len()]);

/// Paths that are right, each with its probe.
#[derive(Clone, Debug)]
pub(super) struct OwnPaths(Vec<(OwnPath, Probe)>);

// ===== impl ProbePaths =====

impl ProbePaths {
    /// Creates the paths of the defaults.
    pub fn new() -> Self {
        let set = |path: &str| Some(path.to_owned());
        Self([set("/health"), set("/ready"), set("/live"), None])
    }

    /// Sets the path for people and load balancers; `None` leaves it to the application.
    pub fn health<'p>(self, path: impl Into<Option<&'p str>>) -> Self {
        self.set(Probe::Health, path.into())
    }

    /// Sets the path of readiness; `None` leaves it to the application.
    pub fn ready<'p>(self, path: impl Into<Option<&'p str>>) -> Self {
        self.set(Probe::Ready, path.into())
    }

    /// Sets the path of liveness; `None` leaves it to the application.
    pub fn live<'p>(self, path: impl Into<Option<&'p str>>) -> Self {
        self.set(Probe::Live, path.into())
    }

    /// Sets the path of start-up; `None`, the default, leaves it to the application.
    pub fn startup<'p>(self, path: impl Into<Option<&'p str>>) -> Self {
        self.set(Probe::Startup, path.into())
    }

    fn set(mut self, probe: Probe, path: Option<&str>) -> Self {
        self.0[probe as usize] = path.map(str::to_owned);
        self
    }

    pub(super) fn parse(self) -> Result<OwnPaths, ConfigError> {
        let (mut paths, mut problems) = (Vec::<(OwnPath, Probe)>::new(), Vec::new());
        for (path, probe) in self.0.into_iter().zip(Probe::ALL) {
            let Some(path) = path else { continue };
            if paths.iter().any(|(other, _)| other.as_str() == path) {
                problems.push(format!("health: {path:?} is the path of two probes"));
                continue;
            }
            match OwnPath::parse(&path) {
                Ok(path) => paths.push((path, probe)),
                Err(problem) => problems.push(format!("health: {problem}")),
            }
        }
        ConfigError::check(problems)?;
        Ok(OwnPaths(paths))
    }
}

impl Default for ProbePaths {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl OwnPaths =====

impl OwnPaths {
    /// Returns the probe that a request is.
    #[inline]
    pub(super) fn probe(&self, head: &request::Parts) -> Option<Probe> {
        let mut paths = self.0.iter();
        let (path, probe) = paths.find(|(path, _)| path.matches(&head.uri))?;
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        reads.then(|| {
            path.warn_of_route(head);
            *probe
        })
    }

    pub(super) fn set_route_from(&mut self, route: Option<RouteFrom>) {
        for (path, _) in &mut self.0 {
            path.set_route_from(route);
        }
    }

    /// Returns them in the order of [`Probe`].
    pub(super) fn as_strs(&self) -> Vec<&str> {
        self.0.iter().map(|(path, _)| path.as_str()).collect()
    }
}

impl Default for OwnPaths {
    fn default() -> Self {
        let paths = [
            ("/health", Probe::Health),
            ("/ready", Probe::Ready),
            ("/live", Probe::Live),
        ];
        Self(
            paths
                .map(|(path, probe)| (OwnPath::new(path), probe))
                .into(),
        )
    }
}
