//! A check in the background, and what it found.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Relaxed, Release},
        },
    },
    time::Duration,
};

use portcullis_core::WallClock;
use tokio::time::{Instant, sleep};

use super::{
    Impact, State,
    jitter::Jitter,
    run::{Finding, Runs},
    streak::{Streak, Thresholds},
};

/// A check with its results.
pub(in crate::health) struct Background {
    pub(in crate::health) name: Box<str>,
    pub(in crate::health) impact: Impact,
    pub(super) plan: Plan,
    pub(super) runs: Runs,
    found: Mutex<Found>,
    count: AtomicU64,
    failures: AtomicU64,
    /// Whether a task runs it.
    is_running: AtomicBool,
}

/// When it runs, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) every: Duration,
    pub(super) limit: Duration,
    pub(super) jitter: Jitter,
    pub(super) thresholds: Thresholds,
}

/// What the last runs found.
struct Found {
    streak: Streak,
    last: Option<Last>,
}

/// The last run.
#[derive(Clone, Debug)]
pub(in crate::health) struct Last {
    /// When it ended, since 1970.
    pub(in crate::health) at: Duration,
    pub(in crate::health) took: Duration,
    /// Why the last one that was not well was not.
    pub(in crate::health) reason: Option<String>,
}

/// The task of a check. Its runtime may end before it does.
struct Task(Weak<Background>);

// ===== impl Background =====

impl Background {
    pub(super) fn new(name: Box<str>, impact: Impact, plan: Plan, runs: Runs) -> Self {
        Self {
            name,
            impact,
            plan,
            runs,
            found: Mutex::new(Found {
                streak: Streak::new(),
                last: None,
            }),
            count: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            is_running: AtomicBool::new(false),
        }
    }

    /// Starts the task, unless it runs. Needs a runtime.
    #[inline]
    pub(in crate::health) fn start(self: &Arc<Self>) {
        if !self.is_running.load(Relaxed) && !self.is_running.swap(true, AcqRel) {
            tokio::spawn(Task(Arc::downgrade(self)).run());
        }
    }

    pub(in crate::health) fn state(&self) -> State {
        self.found().streak.state()
    }

    pub(in crate::health) fn last(&self) -> Option<Last> {
        self.found().last.clone()
    }

    /// Returns how many runs there were, and how many of them failed or took too long.
    pub(in crate::health) fn counts(&self) -> [u64; 2] {
        [self.count.load(Relaxed), self.failures.load(Relaxed)]
    }

    #[cfg(test)]
    pub(in crate::health) fn is_running(&self) -> bool {
        self.is_running.load(Relaxed)
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn once(&self) {
        let began = Instant::now();
        let finding = self.runs.once(self.plan.limit).await;
        self.note(finding, began.elapsed());
    }

    fn note(&self, finding: Finding, took: Duration) {
        self.count.fetch_add(1, Relaxed);
        self.failures
            .fetch_add(u64::from(finding.state.fails()), Relaxed);
        let mut found = self.found();
        let before = found.streak.state();
        found.streak.add(finding.state, self.plan.thresholds);
        let (state, is_well) = (found.streak.state(), finding.state == State::Ok);
        let earlier = found.last.take().and_then(|last| last.reason);
        let reason = finding
            .reason
            .or(earlier)
            .filter(|_| state != State::Ok || !is_well);
        found.last = Some(Last {
            at: WallClock::system().since_epoch(),
            took,
            reason: reason.clone(),
        });
        drop(found);
        if state != before {
            self.log(state, reason.as_deref());
        }
    }

    fn log(&self, state: State, reason: Option<&str>) {
        let check = &*self.name;
        if state == State::Ok {
            tracing::info!(target: "portcullis", check, "check is ok");
        } else {
            tracing::warn!(target: "portcullis", check, reason, "check is {}", state.as_str());
        }
    }

    /// Returns the time until the next run: short while results say something else than the state.
    fn pause(&self) -> Duration {
        let every = self.plan.every;
        let is_open = self.found().streak.is_open();
        let pause = if is_open { every.min(AGAIN) } else { every };
        self.plan.jitter.apply(pause, rand::random())
    }
}

// ===== impl Task =====

impl Task {
    /// Checks until the registry is gone.
    async fn run(self) {
        while let Some(check) = self.0.upgrade() {
            check.once().await;
            let pause = check.pause();
            drop(check);
            sleep(pause).await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(check) = self.0.upgrade() {
            check.is_running.store(false, Release);
        }
    }
}

/// Between runs while it is not known what they will come to.
const AGAIN: Duration = Duration::from_secs(1);
