//! What a check is: what runs, how often, for how long, and what it means.

mod background;
mod jitter;
mod run;
mod state;
mod streak;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use portcullis_core::BoxError;

pub(super) use self::background::Background;
pub use self::state::State;
use self::{background::Plan, jitter::Jitter, run::Runs, streak::Thresholds};

/// Something that a process can look at: a dependency, or a part of itself.
///
/// It runs in the background, at once and then on its interval, and fails when it returns an error,
/// panics, or has no result within its time limit. A run that has not ended is not run again.
///
/// Two numbers keep it from flapping, those of Kubernetes' probes: so many failures in a row until it
/// fails (`failureThreshold`), so many successes until it is well again (`successThreshold`). The first
/// result counts at once. While results say something else than the state, it runs each second if its
/// interval is longer.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::{Health, health::Check};
///
/// let cache = Check::new("cache", || async { Ok::<_, std::io::Error>(()) })
///     .advisory()
///     .every(Duration::from_secs(5))
///     .time_limit(Duration::from_millis(500))
///     .failures(3);
/// let health = Health::new().add_check(cache);
/// # let _ = health;
/// ```
#[must_use = "a check does nothing until it is added to a `Health`"]
pub struct Check {
    name: Box<str>,
    impact: Impact,
    every: Option<Duration>,
    limit: Option<Duration>,
    jitter: Jitter,
    thresholds: Thresholds,
    runs: Runs,
    problems: Vec<String>,
}

/// What a check that fails means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Impact {
    /// Neither healthy nor ready.
    Critical,
    /// Degraded.
    Advisory,
    /// Degraded, and not ready.
    Readiness,
}

// ===== impl Check =====

impl Check {
    /// Creates a critical check, named as probes, metrics and logs are to show it: 1 to 64 visible
    /// characters of ASCII or spaces, but no `:`, `"` or `\`. An edge is not built with another name.
    ///
    /// The closure is called on a thread where it may block. So may its future where the runtime has
    /// several: each poll that blocks takes one thread, and none of the workers. A runtime of one thread
    /// stops until the poll returns.
    pub fn new<F, Fut, E>(name: &str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let mut check = Self {
            name: name.into(),
            impact: Impact::Critical,
            every: None,
            limit: None,
            jitter: Jitter::DEFAULT,
            thresholds: Thresholds {
                failures: 3,
                successes: 1,
            },
            runs: Runs::new(check),
            problems: Vec::new(),
        };
        check.wants(is_name(name), || "is no name of a check".to_owned());
        check
    }

    /// Creates a check of the process itself, which costs nothing and takes no time: each second, and
    /// the first result counts.
    pub(super) fn of_itself<E: Into<BoxError> + Send + 'static>(
        name: &str,
        check: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let check = Self::new(name, move || std::future::ready(check()));
        Self {
            every: Some(Duration::from_secs(1)),
            jitter: Jitter::NONE,
            thresholds: Thresholds {
                failures: 1,
                successes: 1,
            },
            ..check
        }
    }

    /// Creates a check of readiness that follows what changes quickly, and does not flap.
    pub(super) fn of_readiness<E: Into<BoxError> + Send + 'static>(
        name: &str,
        check: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        Self::of_itself(name, check)
            .readiness()
            .failures(UNREADY_AFTER)
            .successes(READY_AFTER)
    }

    /// Lets a failure make the process `degraded`, with 200, and leave it ready. Without, it is
    /// `unhealthy` and not ready, with 503.
    pub fn advisory(mut self) -> Self {
        self.impact = Impact::Advisory;
        self
    }

    /// Lets a failure make the process `degraded`, with 200, and not ready, with 503: it is well, but
    /// others should get the requests.
    pub fn readiness(mut self) -> Self {
        self.impact = Impact::Readiness;
        self
    }

    /// Sets the time between two runs: [`Health::every`](super::Health::every) unless set. An edge is
    /// not built with 0.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self.wants(!every.is_zero(), || "runs every 0 s".to_owned());
        self
    }

    /// Sets how long a run may take: [`Health::time_limit`](super::Health::time_limit) unless set. An
    /// edge is not built with 0.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self.wants(!limit.is_zero(), || "has 0 s".to_owned());
        self
    }

    /// Sets by which part a pause may be shorter or longer, so that a fleet does not check at once: 0.1
    /// unless set, of 0 to 0.5. An edge is not built with another.
    pub fn jitter(mut self, part: f64) -> Self {
        let jitter = Jitter::parse(part);
        self.wants(jitter.is_some(), || {
            format!("has a jitter of {part}, not of 0 to 0.5")
        });
        self.jitter = jitter.unwrap_or(self.jitter);
        self
    }

    /// Sets after how many failures in a row it fails: 3 unless set, as in Kubernetes. An edge is not
    /// built with 0.
    pub fn failures(mut self, in_a_row: u32) -> Self {
        self.thresholds.failures = in_a_row;
        self.wants(in_a_row > 0, || "fails after 0 failures".to_owned());
        self
    }

    /// Sets after how many successes in a row it is well again: 1 unless set, as in Kubernetes. An edge
    /// is not built with 0.
    pub fn successes(mut self, in_a_row: u32) -> Self {
        self.thresholds.successes = in_a_row;
        self.wants(in_a_row > 0, || "recovers after 0 successes".to_owned());
        self
    }

    /// Returns what is wrong with it.
    pub(super) fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Returns what runs in the background, with what is not set.
    pub(super) fn into_background(self, every: Duration, limit: Duration) -> Background {
        let plan = Plan {
            every: self.every.unwrap_or(every),
            limit: self.limit.unwrap_or(limit),
            jitter: self.jitter,
            thresholds: self.thresholds,
        };
        Background::new(self.name, self.impact, plan, self.runs)
    }

    pub(super) fn wants(&mut self, is_right: bool, problem: impl FnOnce() -> String) {
        if !is_right {
            let problem = format!("health: check {:?} {}", self.name, problem());
            self.problems.push(problem);
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("impact", &self.impact)
            .finish_non_exhaustive()
    }
}

// ===== impl Impact =====

impl Impact {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Advisory => "advisory",
            Self::Readiness => "readiness",
        }
    }
}

/// Returns `true` for a name that is one everywhere: the draft's keys divide at a `:`.
fn is_name(name: &str) -> bool {
    let is_char = |c: u8| matches!(c, b' '..=b'~') && !b":\"\\".contains(&c);
    (1..=64).contains(&name.len()) && name.bytes().all(is_char)
}

/// Failures in a row, of a second each, until it is not ready: a burst is over in fewer.
const UNREADY_AFTER: u32 = 3;

/// Successes in a row until it is ready again: balancers ask every few seconds, and should see it.
const READY_AFTER: u32 = 5;
