//! What lowers the limit besides latency: a runtime that is late, and memory that runs out.

use std::{
    sync::{
        Arc, Weak,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{AcqRel, Relaxed},
        },
    },
    time::Duration,
};

use portcullis_core::ConfigError;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{shared::Shared, tally::Reason};
use crate::memory::Cgroups;

/// Which signals are looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    /// How late a task may be.
    pub(super) lag: Option<Duration>,
    pub(super) memory: Option<Memory>,
}

/// How much memory may be used.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// The part of the limit.
    most: f64,
    cgroups: Cgroups,
}

/// What the signals say now.
pub(super) struct Signals {
    /// How many may be in flight.
    cap: AtomicU32,
    lag_cap: AtomicU32,
    is_full: AtomicBool,
    is_running: AtomicBool,
}

/// A task that looks at signals. Dropped with its runtime, it lets another begin.
struct Task {
    shared: Weak<Shared>,
    watched: Watched,
}

// ===== impl Watched =====

impl Watched {
    pub(super) const fn is_on(&self) -> bool {
        self.lag.is_some() || self.memory.is_some()
    }
}

// ===== impl Memory =====

impl Memory {
    pub(super) fn try_new(most: f64, cgroups: Cgroups) -> Result<Self, ConfigError> {
        let is_part = most > 0.0 && most <= 1.0;
        let problem = format!("load shed: {most} of the memory is not above 0 and at most 1");
        ConfigError::check((!is_part).then_some(problem).into_iter().collect())?;
        Ok(Self { most, cgroups })
    }
}

// ===== impl Signals =====

impl Signals {
    /// Returns how many may be in flight.
    #[inline]
    pub(super) fn cap(&self) -> u32 {
        self.cap.load(Relaxed)
    }

    /// Returns which signal is in force.
    pub(super) fn reason(&self) -> Reason {
        if self.is_full.load(Relaxed) {
            Reason::Memory
        } else {
            Reason::Lag
        }
    }

    #[inline]
    pub(super) fn is_running(&self) -> bool {
        self.is_running.load(Relaxed)
    }

    /// Begins to look, where there is a runtime.
    #[cold]
    pub(super) fn start(shared: &Arc<Shared>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !shared.signals.is_running.swap(true, AcqRel) {
            let task = Task {
                shared: Arc::downgrade(shared),
                watched: shared.settings.watched.clone(),
            };
            runtime.spawn(task.run());
        }
    }

    /// Lowers the limit by a quarter where a task was late, and lets it rise by a quarter where it was
    /// not.
    fn on_wake(&self, is_late: bool, limit: u32, floor: u32) {
        let cap = self.lag_cap.load(Relaxed);
        let next = if is_late {
            let cap = cap.min(limit);
            (cap - cap.div_ceil(4)).max(floor)
        } else {
            cap.saturating_add(cap / 4 + 1)
        };
        let is_cap = next < limit;
        self.lag_cap
            .store(if is_cap { next } else { u32::MAX }, Relaxed);
        self.apply(floor);
    }

    fn on_memory(&self, is_full: bool, floor: u32) {
        if self.is_full.swap(is_full, Relaxed) != is_full {
            tracing::warn!(target: "portcullis", is_full, "memory of the cgroup");
        }
        self.apply(floor);
    }

    fn apply(&self, floor: u32) {
        let lag = self.lag_cap.load(Relaxed);
        let memory = if self.is_full.load(Relaxed) {
            floor
        } else {
            u32::MAX
        };
        self.cap.store(lag.min(memory), Relaxed);
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            cap: AtomicU32::new(u32::MAX),
            lag_cap: AtomicU32::new(u32::MAX),
            is_full: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
        }
    }
}

// ===== impl Task =====

impl Task {
    /// Looks until the guard is gone.
    async fn run(mut self) {
        for turn in 0_u32.. {
            let due = Instant::now() + PERIOD;
            sleep_until(due).await;
            let late = due.elapsed();
            let Some(shared) = self.shared.upgrade() else {
                return;
            };
            if let Some(most) = self.watched.lag {
                let floor = shared.settings.bounds.floor();
                let limit = shared.adaptive.limit();
                shared.signals.on_wake(late > most, limit, floor);
            }
            drop(shared);
            if turn.is_multiple_of(MEMORY_EVERY) {
                self.look_at_memory().await;
            }
        }
    }

    async fn look_at_memory(&mut self) {
        let Some(Memory { most, cgroups }) = self.watched.memory.clone() else {
            return;
        };
        let Ok(used) = spawn_blocking(move || cgroups.used()).await else {
            return;
        };
        let Some(used) = used else {
            let why = "no cgroup has a limit: memory sheds no load";
            tracing::info!(target: "portcullis", "{why}");
            self.watched.memory = None;
            return;
        };
        if let Some(shared) = self.shared.upgrade() {
            let floor = shared.settings.bounds.floor();
            shared.signals.on_memory(used >= most, floor);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.signals.is_running.store(false, Relaxed);
        }
    }
}

/// How often a task is to wake.
const PERIOD: Duration = Duration::from_millis(100);

/// Memory is looked at each second.
const MEMORY_EVERY: u32 = 10;
