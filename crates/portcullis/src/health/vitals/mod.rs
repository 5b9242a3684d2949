//! What a process sees of itself.

mod minute;
mod threshold;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use portcullis_core::{BoxError, Counts, Exchange, Observer, Outcome, RejectionKind};
use tokio::time::Instant;

use self::minute::Minute;
pub use self::threshold::Threshold;
use super::{Check as HealthCheck, Degraded, Health};

/// What a process sees of itself: panics, errors, silence, and levels of its own. An
/// [observer](crate::observe) that counts a minute of requests in an array of fixed size, and checks
/// for [`Health::vitals`]. Clones are handles to one. An edge that has the checks and not the observer
/// logs a warning: it would see nothing.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::{Edge, Health, health::Vitals};
///
/// let vitals = Vitals::new()
///     .panics(10)
///     .error_rate(0.05)
///     .silence(Duration::from_secs(30))
///     .level("queue", (0.9, 1.0), || 0.3);
/// let health = Health::new().vitals(&vitals);
/// let edge = Edge::new().health(&health).observe(vitals).build()?;
/// # Ok::<(), portcullis::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Vitals {
    counted: Arc<Counted>,
    checks: Vec<(&'static str, Check)>,
    /// What an edge is not built with.
    problems: Vec<String>,
}

/// Returns what is wrong.
type Check = Arc<dyn Fn() -> Result<(), BoxError> + Send + Sync>;

/// What happened to requests.
struct Counted {
    minute: Minute,
    began: Instant,
    /// When the last request ended, in milliseconds.
    last: AtomicU64,
    /// An edge has it among its observers.
    is_observed: AtomicBool,
}

// ===== impl Vitals =====

impl Vitals {
    /// Creates vitals that check nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counted: Arc::new(Counted {
                minute: Minute::new(),
                began: Instant::now(),
                last: AtomicU64::new(0),
                is_observed: AtomicBool::new(false),
            }),
            checks: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Creates vitals that fail after 10 panics within a minute, and are degraded above 5 % of errors
    /// and after 30 seconds without a request.
    #[must_use]
    pub fn standard() -> Self {
        let silence = Duration::from_secs(30);
        Self::new().panics(10).error_rate(0.05).silence(silence)
    }

    /// Fails, and so is not ready, while more requests than this panicked within a minute. Its name in
    /// probes is `panics`.
    #[must_use]
    pub fn panics(self, a_minute: u32) -> Self {
        let counted = Arc::clone(&self.counted);
        self.check("panics", move || {
            let panics = counted.minute.sum(counted.second()).panics;
            if panics > a_minute {
                return Err(format!("{panics} panics within a minute").into());
            }
            Ok(())
        })
    }

    /// Is degraded while more than this share of a minute's requests got a 5xx or failed, of 20 or
    /// more. Its name is `errors`. What [load shedding](crate::load_shed) refused is not counted: a
    /// process that sheds is well, and without it the others get its load too. Nor is a probe: a process that only probes ask would never be well again.
    #[must_use]
    pub fn error_rate(mut self, at_most: impl Into<Threshold>) -> Self {
        let (counted, at_most) = (Arc::clone(&self.counted), at_most.into());
        self.problems.extend(at_most.problem("errors", 1.0));
        self.check("errors", move || {
            let sum = counted.minute.sum(counted.second());
            if sum.requests < LEAST {
                return Ok(());
            }
            at_most.check(f64::from(sum.errors) / f64::from(sum.requests))
        })
    }

    /// Is degraded when no request has ended for this long. Its name is `activity`. Probes are
    /// requests: for processes that are asked by others.
    #[must_use]
    pub fn silence(mut self, at_most: Duration) -> Self {
        if at_most.is_zero() {
            let problem = "vitals: no request for 0 s is no silence";
            self.problems.push(problem.to_owned());
        }
        let counted = Arc::clone(&self.counted);
        self.check("activity", move || {
            let silence = counted.silence();
            if silence > at_most {
                return Err(Degraded::new(format!("no request for {silence:?}")).into());
            }
            Ok(())
        })
    }

    /// Is degraded while a level of the application's own is above this: what waits over what may
    /// wait, memory over its limit.
    #[must_use]
    pub fn level(
        mut self,
        name: &'static str,
        at_most: impl Into<Threshold>,
        level: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        let at_most = at_most.into();
        self.problems.extend(at_most.problem(name, f64::MAX));
        self.check(name, move || at_most.check(level()))
    }

    pub(super) fn is_observed(&self) -> bool {
        self.counted.is_observed.load(Relaxed)
    }

    fn check(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push((name, Arc::new(check)));
        self
    }
}

impl Health {
    /// Adds the checks of vitals, each second.
    #[must_use]
    pub fn vitals(mut self, vitals: &Vitals) -> Self {
        for (name, check) in &vitals.checks {
            let check = Arc::clone(check);
            self = self.add_check(HealthCheck::of_itself(name, move || check()));
        }
        self.problems.extend(vitals.problems.iter().cloned());
        self.vitals = Some(vitals.clone());
        self
    }
}

impl Observer for Vitals {
    fn end(&self, exchange: &Exchange) {
        let since = self.counted.began.elapsed().as_millis() as u64;
        self.counted.last.fetch_max(since, Relaxed);
        let rejection = exchange.rejection().map(|rejection| rejection.kind());
        let second = self.counted.second();
        if exchange.is_probe() || rejection == Some(RejectionKind::Overloaded) {
            return;
        }
        let outcome = exchange.outcome();
        let is_panic = outcome == Outcome::Panicked;
        let status = exchange.nominal_status();
        let is_error = is_panic
            || matches!(outcome, Outcome::ServiceError | Outcome::BodyError)
            || status.is_some_and(|status| status.is_server_error());
        self.counted.minute.add(second, is_error, is_panic);
    }

    fn add_counts(&self, _: Arc<dyn Counts>) {
        self.counted.is_observed.store(true, Relaxed);
    }

    fn describe(&self) -> String {
        let names: Vec<_> = self.checks.iter().map(|(name, _)| *name).collect();
        format!("vitals ({})", names.join(", "))
    }
}

impl Default for Vitals {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vitals")
            .field("sum", &self.counted.minute.sum(self.counted.second()))
            .finish_non_exhaustive()
    }
}

// ===== impl Counted =====

impl Counted {
    fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Relaxed));
        self.began.elapsed().saturating_sub(last)
    }
}

/// Requests of which a share says something.
const LEAST: u32 = 20;
