use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_core::{BoxError, ConfigError};
use tokio::{runtime::Handle, time::sleep};

use super::{
    HealthLayer,
    check::{self, Check, State},
    paths::ProbePaths,
    vitals::Vitals,
};
use crate::engine::RouteFrom;

/// What `/health` and `/ready` look at. Clones share it.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Health {
    checks: Vec<Arc<Check>>,
    pub(super) every: Duration,
    limit: Duration,
    pub(super) paths: ProbePaths,
    shared: Arc<Shared>,
    /// What an edge is not built with.
    pub(super) problems: Vec<String>,
    pub(super) vitals: Option<Vitals>,
}

/// Keeps the process from being ready until it is dropped.
#[derive(Debug)]
#[must_use = "the process is ready once the latch is dropped"]
pub struct Latch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    draining: AtomicBool,
    latches: AtomicUsize,
}

// ===== impl Health =====

impl Health {
    /// Creates a registry without checks: healthy, and ready.
    #[must_use]
    pub fn new() -> Self {
        Self {
            checks: Vec::new(),
            every: Duration::from_secs(10),
            limit: Duration::from_secs(2),
            paths: ProbePaths::default(),
            shared: Arc::default(),
            problems: Vec::new(),
            vitals: None,
        }
    }

    /// Sets the paths that are answered, `/health` and `/ready` unless told otherwise.
    ///
    /// Whatever the application has at these paths is not asked for a GET or HEAD.
    ///
    /// # Errors
    ///
    /// Lists what is wrong: a path that does not begin with `/`, or begins with `//`, that has a
    /// character that no path has, or a `%` without two digits (RFC 3986, section 3.3), and the same
    /// path twice.
    pub fn paths(mut self, health: &str, ready: &str) -> Result<Self, ConfigError> {
        self.paths = ProbePaths::parse(health, ready)?;
        Ok(self)
    }

    /// Sets where the router leaves the template of the route that matched, to notice routes of the
    /// application that are not asked.
    pub(crate) fn route_from(mut self, route: Option<RouteFrom>) -> Self {
        self.paths.set_route_from(route);
        self
    }

    /// Returns the paths that are answered: that of `/health` first.
    #[must_use]
    pub fn probe_paths(&self) -> [&str; 2] {
        self.paths.as_strs()
    }

    /// Sets the time between two runs of the checks that are added from here on. An edge is not built
    /// with 0.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self.wants(!every.is_zero(), "health: checks run every 0 s");
        self
    }

    /// Sets the time limit of the checks that are added from here on. An edge is not built with 0.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.wants(!limit.is_zero(), "health: checks have 0 s");
        self
    }

    fn wants(&mut self, is_right: bool, problem: &str) {
        if !is_right {
            self.problems.push(problem.to_owned());
        }
    }

    /// Whether it has vitals that no edge observes.
    pub(crate) fn is_blind(&self) -> bool {
        self.vitals
            .as_ref()
            .is_some_and(|vitals| !vitals.is_observed())
    }

    /// Returns what is wrong.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Adds a check.
    #[must_use]
    pub fn check<F, Fut, E>(mut self, name: &str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let check = Check::new(name, self.every, self.limit, check);
        self.checks.push(Arc::new(check));
        self
    }

    /// Keeps the process from being ready for as long as the latch lives.
    pub fn latch(&self) -> Latch {
        self.shared.latches.fetch_add(1, Ordering::AcqRel);
        Latch(Arc::clone(&self.shared))
    }

    /// Turns `/ready` into a 503 from now on, whatever its path, so that no new requests are sent here.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
    }

    /// Returns a layer that answers probes.
    #[must_use]
    pub fn layer(&self) -> HealthLayer {
        self.clone().into()
    }

    /// The checks, with what is known of them.
    pub fn checks(&self) -> impl Iterator<Item = (&str, State)> {
        self.checks
            .iter()
            .map(|check| (&*check.name, check.state()))
    }

    /// Starts the checks, unless they run already.
    ///
    /// The server and the first probe do so. Outside a tokio runtime it does nothing.
    pub fn start(&self) {
        if Handle::try_current().is_ok() {
            self.checks.iter().for_each(check::start);
        }
    }

    /// Starts the checks, and waits until each has a result.
    pub async fn settled(&self) {
        self.start();
        while self.checks().any(|(_, state)| state == State::Pending) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    #[cfg(test)]
    pub(super) fn is_at_rest(&self) -> bool {
        !self.checks.iter().any(|check| check.is_running())
    }

    pub(super) fn is_healthy(&self) -> bool {
        let mut states = self.checks().map(|(_, state)| state);
        states.all(|state| matches!(state, State::Ok | State::Degraded | State::Pending))
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.checks().any(|(_, state)| state == State::Degraded)
    }

    /// Why the process is not ready, if so.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        if self.shared.draining.load(Ordering::Acquire) {
            return Some("draining");
        }
        if self.shared.latches.load(Ordering::Acquire) > 0 {
            return Some("warming up");
        }
        let is_ok = |(_, state)| matches!(state, State::Ok | State::Degraded);
        let ok = self.checks().all(is_ok);
        (!ok).then_some("checks")
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.checks()).finish()
    }
}

// ===== impl Latch =====

impl Latch {
    /// Lets the process be ready.
    pub fn release(self) {}
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.0.latches.fetch_sub(1, Ordering::AcqRel);
    }
}
