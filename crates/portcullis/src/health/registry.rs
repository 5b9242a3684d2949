use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_core::{BoxError, ConfigError};
use tokio::{runtime::Handle, time::sleep};

use super::{
    HealthLayer,
    check::{Background, Check, State},
    load::Load,
    paths::{OwnPaths, ProbePaths},
    viewers::Viewers,
    vitals::Vitals,
};
use crate::engine::RouteFrom;

/// What probes look at. Clones share its checks; what is added to one later is not in the others, nor in an
/// edge that was given one.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Health {
    checks: Vec<Arc<Background>>,
    every: Duration,
    limit: Duration,
    pub(super) paths: OwnPaths,
    pub(super) viewers: Viewers,
    pub(super) ignores_load: bool,
    pub(super) shared: Arc<Shared>,
    /// What an edge is not built with.
    pub(super) problems: Vec<String>,
    pub(super) vitals: Option<Vitals>,
}

/// Keeps the process from being ready until it is dropped.
#[derive(Debug)]
#[must_use = "the process is ready once the latch is dropped"]
pub struct Latch(Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) draining: AtomicBool,
    pub(super) latches: AtomicUsize,
    /// No latch was held once.
    pub(super) started: AtomicBool,
    /// Probes of an edge that were answered with 503.
    pub(super) failed_probes: AtomicU64,
    pub(super) load: Load,
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
            paths: OwnPaths::default(),
            viewers: Viewers::default(),
            ignores_load: false,
            shared: Arc::default(),
            problems: Vec::new(),
            vitals: None,
        }
    }

    /// Sets the paths that are answered: `/health`, `/ready` and `/live` unless told otherwise.
    ///
    /// Whatever the application has at these paths is not asked for a GET or HEAD.
    ///
    /// # Errors
    ///
    /// Lists what is wrong: a path that does not begin with `/`, or begins with `//`, that has a
    /// character that no path has, or a `%` without two digits (RFC 3986, section 3.3), and the same
    /// path twice.
    pub fn paths(mut self, paths: ProbePaths) -> Result<Self, ConfigError> {
        self.paths = paths.parse()?;
        Ok(self)
    }

    /// Sets where the router leaves the template of the route that matched, to notice routes of the
    /// application that are not asked.
    pub(crate) fn route_from(mut self, route: Option<RouteFrom>) -> Self {
        self.paths.set_route_from(route);
        self
    }

    /// Returns the paths that are answered, in the order of health, readiness, liveness, start-up.
    #[must_use]
    pub fn probe_paths(&self) -> Vec<&str> {
        self.paths.as_strs()
    }

    /// Sets the time between two runs of the checks that are added from here on, unless they have one
    /// of their own. An edge is not built with 0.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self.wants(!every.is_zero(), "health: checks run every 0 s");
        self
    }

    /// Sets the time limit of the checks that are added from here on, unless they have one of their own.
    /// An edge is not built with 0.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
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

    /// Adds a critical check with the defaults: the short form of [`Check::new`] and [`add_check`](Self::add_check).
    #[must_use]
    pub fn check<F, Fut, E>(self, name: &str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.add_check(Check::new(name, check))
    }

    /// Adds a check. An edge is not built with one that is wrong, or with two of one name.
    #[must_use]
    pub fn add_check(mut self, mut check: Check) -> Self {
        self.problems.extend(check.take_problems());
        let check = check.into_background(self.every, self.limit);
        self.checks.push(Arc::new(check));
        self
    }

    /// Keeps the process ready only while a closure returns `true`. A check of
    /// [readiness](Check::readiness), each second: not ready after 3 seconds in a row of `false`, or
    /// at once where it begins so, and ready again after 5 in a row of `true`, so that a balancer that asks every few seconds sees it.
    #[must_use]
    pub fn ready_while(
        self,
        name: &str,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let check = move || is_ready().then_some(()).ok_or("not ready");
        self.add_check(Check::of_readiness(name, check))
    }

    /// Keeps the process from being ready for as long as the latch lives. Take it before the server
    /// starts: what was ready once has started.
    pub fn latch(&self) -> Latch {
        self.shared.latches.fetch_add(1, Ordering::AcqRel);
        Latch(Arc::clone(&self.shared))
    }

    /// Turns readiness into a 503 from now on, whatever its path, so that no new requests are sent here.
    pub fn drain(&self) {
        if !self.shared.draining.swap(true, Ordering::AcqRel) {
            tracing::info!(target: "portcullis", "draining: not ready any more");
        }
    }

    /// Returns a layer that answers probes.
    #[must_use]
    pub fn layer(&self) -> HealthLayer {
        self.clone().into()
    }

    /// The checks, with what is known of them.
    pub fn checks(&self) -> impl Iterator<Item = (&str, State)> {
        self.all().map(|check| (&*check.name, check.state()))
    }

    /// Returns the checks in the order they were added, with that of an edge's load.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Background>> {
        let load = self.shared.load.check();
        self.checks
            .iter()
            .chain(load.filter(|_| !self.ignores_load))
    }

    /// Starts the checks, unless they run already.
    ///
    /// The server and the first probe do so. Outside a tokio runtime it does nothing.
    pub fn start(&self) {
        if Handle::try_current().is_ok() {
            self.all().for_each(|check| check.start());
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
        !self.all().any(|check| check.is_running())
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
        if self.0.latches.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.start();
        }
    }
}

// ===== impl Shared =====

impl Shared {
    /// Notes that the process has started. Returns `true`.
    pub(super) fn start(&self) -> bool {
        if !self.started.swap(true, Ordering::AcqRel) {
            tracing::info!(target: "portcullis", "started: no latch is held any more");
        }
        true
    }
}
