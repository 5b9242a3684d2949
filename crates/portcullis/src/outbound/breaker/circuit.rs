//! The state machine of one upstream. Time is a parameter, in nanoseconds.
//!
//! A closed circuit admits by reading one word. Everything else is under a lock, which is held for
//! a few instructions and never across an await. Each change of state begins a generation; the
//! outcome of a call that an earlier generation admitted is counted and changes nothing.

use super::{
    counts::CallCounts,
    settings::Settings,
    sync::{
        AtomicU64, Mutex, MutexGuard,
        Ordering::{Acquire, Release},
        locked,
    },
    window::Window,
};

/// The state of one upstream.
#[derive(Debug)]
pub(super) struct Circuit {
    /// The generation and [`GUARDED`], which is set while the circuit is not closed.
    gate: AtomicU64,
    inner: Mutex<Inner>,
}

/// What a call was admitted with. It must be [settled](Circuit::settle) once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    generation: u64,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// A failure that says when to come back, in nanoseconds.
    RetryAfter(u64),
    /// It took too long, whatever came of it.
    Slow,
    /// Nobody waited for it.
    Cancelled,
}

/// A change of state, for whoever logs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// For so many nanoseconds.
    Opened(Reason, u64),
    HalfOpened,
    Closed,
}

/// Why a circuit opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    FailuresInARow,
    FailureRate,
    RetryAfter,
    FailedProbe,
}

#[derive(Debug)]
struct Inner {
    generation: u64,
    mode: Mode,
    in_a_row: u32,
    window: Window,
    tally: CallCounts,
    /// When it was last not closed and asked, or told.
    touched: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Closed,
    Open { until: u64 },
    HalfOpen { in_flight: u32, succeeded: u32 },
}

/// What a circuit is at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    Closed,
    /// For so many more nanoseconds.
    Open(u64),
    HalfOpen,
}

// ===== impl Circuit =====

impl Circuit {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            gate: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                generation: 0,
                mode: Mode::Closed,
                in_a_row: 0,
                window: Window::new(settings.window),
                tally: CallCounts::default(),
                touched: 0,
            }),
        }
    }

    /// Admits a call, or returns after how many nanoseconds to come back.
    #[inline]
    pub(super) fn admit(
        &self,
        settings: &Settings,
        now: impl FnOnce() -> u64,
    ) -> (Result<Ticket, u64>, Option<Change>) {
        let gate = self.gate.load(Acquire);
        if gate & GUARDED == 0 {
            let generation = gate >> 1;
            return (Ok(Ticket { generation }), None);
        }
        self.change(|inner| inner.admit(settings, now()))
    }

    /// Notes what came of a call.
    pub(super) fn settle(
        &self,
        settings: &Settings,
        ticket: Ticket,
        outcome: Outcome,
        now: u64,
    ) -> Option<Change> {
        self.change(|inner| {
            inner.tally.count(outcome);
            // What an earlier generation admitted says nothing of this one.
            (inner.generation == ticket.generation)
                .then(|| inner.settle(settings, outcome, now))
                .flatten()
        })
    }

    /// Returns what the circuit is. Once the time of an open one is over it is half-open: the next
    /// call is a probe.
    pub(super) fn at(&self, now: u64) -> Now {
        match self.lock().mode {
            Mode::Closed => Now::Closed,
            Mode::Open { until } if now < until => Now::Open(until - now),
            Mode::Open { .. } | Mode::HalfOpen { .. } => Now::HalfOpen,
        }
    }

    pub(super) fn tally(&self) -> CallCounts {
        self.lock().tally
    }

    /// Returns whether a new circuit would do as well: it admits calls, and nobody made one for as long
    /// as a window.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        let mut inner = self.lock();
        let is_quiet = now.saturating_sub(inner.touched) >= inner.window.length();
        match inner.mode {
            Mode::Closed => inner.window.sum(now).calls == 0,
            Mode::Open { until } => is_quiet && now >= until,
            Mode::HalfOpen { in_flight, .. } => is_quiet && in_flight == 0,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let before = inner.generation;
        let result = change(&mut inner);
        if inner.generation != before {
            self.gate.store(inner.gate(), Release);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        locked(&self.inner)
    }
}

// ===== impl Inner =====

impl Inner {
    fn gate(&self) -> u64 {
        let guarded = if self.mode == Mode::Closed {
            0
        } else {
            GUARDED
        };
        self.generation << 1 | guarded
    }

    fn enter(&mut self, mode: Mode) {
        self.generation += 1;
        self.mode = mode;
        self.in_a_row = 0;
        self.window.clear();
    }

    fn admit(&mut self, settings: &Settings, now: u64) -> (Result<Ticket, u64>, Option<Change>) {
        let mut change = None;
        self.touched = now;
        if let Mode::Open { until } = self.mode {
            if now < until {
                self.tally.refused += 1;
                return (Err(until - now), None);
            }
            self.enter(Mode::HalfOpen {
                in_flight: 0,
                succeeded: 0,
            });
            change = Some(Change::HalfOpened);
        }
        if let Mode::HalfOpen { in_flight, .. } = &mut self.mode {
            if *in_flight >= settings.probes {
                self.tally.refused += 1;
                return (Err(0), change);
            }
            *in_flight += 1;
        }
        let generation = self.generation;
        (Ok(Ticket { generation }), change)
    }

    fn settle(&mut self, settings: &Settings, outcome: Outcome, now: u64) -> Option<Change> {
        self.touched = now;
        if let Outcome::RetryAfter(after) = outcome {
            let wait = after.min(settings.retry_after_cap);
            return Some(self.open(Reason::RetryAfter, now, wait));
        }
        match &mut self.mode {
            Mode::Closed => self.settle_call(settings, outcome, now),
            Mode::HalfOpen { in_flight, .. } => {
                *in_flight = in_flight.saturating_sub(1);
                self.settle_probe(settings, outcome, now)
            }
            // No ticket has its generation.
            Mode::Open { .. } => None,
        }
    }

    fn settle_call(&mut self, settings: &Settings, outcome: Outcome, now: u64) -> Option<Change> {
        let is_failure = outcome.is_failure()?;
        self.window.record(now, is_failure);
        if !is_failure {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let sum = self.window.sum(now);
        let reason = if self.in_a_row >= settings.failures {
            Reason::FailuresInARow
        } else if settings.is_too_many(sum.calls, sum.failures) {
            Reason::FailureRate
        } else {
            return None;
        };
        Some(self.open(reason, now, settings.open_for))
    }

    fn settle_probe(&mut self, settings: &Settings, outcome: Outcome, now: u64) -> Option<Change> {
        if outcome.is_failure()? {
            return Some(self.open(Reason::FailedProbe, now, settings.open_for));
        }
        let Mode::HalfOpen { succeeded, .. } = &mut self.mode else {
            return None;
        };
        *succeeded += 1;
        if *succeeded < settings.successes {
            return None;
        }
        self.enter(Mode::Closed);
        Some(Change::Closed)
    }

    fn open(&mut self, reason: Reason, now: u64, wait: u64) -> Change {
        let until = now.saturating_add(wait);
        self.enter(Mode::Open { until });
        self.tally.opened += 1;
        Change::Opened(reason, wait)
    }
}

// ===== impl Outcome =====

impl Outcome {
    /// Whether it is a failure of the upstream, if it says anything of it.
    fn is_failure(self) -> Option<bool> {
        match self {
            Self::Success => Some(false),
            Self::Failure | Self::RetryAfter(_) | Self::Slow => Some(true),
            Self::Cancelled => None,
        }
    }
}

/// Set in the gate while a call must look closer.
const GUARDED: u64 = 1;
