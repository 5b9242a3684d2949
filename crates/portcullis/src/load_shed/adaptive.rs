//! When the limit changes.

use std::{
    sync::{
        Mutex, TryLockError,
        atomic::{
            AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use super::{
    bounds::Bounds,
    latencies::Latencies,
    law::{Law, Load, Seen},
};

/// A limit that follows latency. Without a law it stays as it is.
pub(super) struct Adaptive {
    limit: AtomicU32,
    latencies: Latencies,
    /// Requests of this window.
    requests: AtomicU32,
    /// The highest [`Load`] of this window.
    load: AtomicU8,
    /// When the window is long enough, in nanoseconds since the guard was made.
    ends: AtomicU64,
    /// Samples of requests that were admitted before do not count.
    counts_from: AtomicU64,
    law: Option<Mutex<Window>>,
}

struct Window {
    law: Law,
    began: u64,
}

// ===== impl Adaptive =====

impl Adaptive {
    pub(super) fn new(bounds: Bounds, follows_latency: bool) -> Self {
        let law = follows_latency.then(|| {
            Mutex::new(Window {
                law: Law::new(bounds),
                began: 0,
            })
        });
        Self {
            limit: AtomicU32::new(bounds.initial),
            latencies: Latencies::default(),
            requests: AtomicU32::new(0),
            load: AtomicU8::new(0),
            ends: AtomicU64::new(SHORTEST),
            counts_from: AtomicU64::new(0),
            law,
        }
    }

    /// Whether the latency of the next request is measured: of each at the start of a window, and of a
    /// part of the others, as a median needs no more.
    #[inline]
    pub(super) fn measures_next(&self) -> bool {
        if self.law.is_none() {
            return false;
        }
        let before = self.requests.fetch_add(1, Relaxed);
        before < ALL_OF || before.is_multiple_of(ONE_IN)
    }

    #[inline]
    pub(super) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// Notes how many are in flight.
    #[inline]
    pub(super) fn note(&self, in_flight: u32) {
        let limit = self.limit();
        if in_flight > limit / 2 {
            let load = if in_flight < limit { BUSY } else { FULL };
            if self.load.load(Relaxed) < load {
                self.load.fetch_max(load, Relaxed);
            }
        }
    }

    /// Notes a latency.
    #[inline]
    pub(super) fn add(&self, admitted: u64, now: u64) {
        if admitted >= self.counts_from.load(Relaxed) {
            self.latencies.add(now.saturating_sub(admitted));
        }
    }

    /// Ends the window, if it is long enough. Returns `true` if the limit may have changed.
    #[inline]
    pub(super) fn turn(&self, now: u64) -> bool {
        now >= self.ends.load(Relaxed) && self.try_turn(now)
    }

    #[cold]
    fn try_turn(&self, now: u64) -> bool {
        let Some(window) = &self.law else {
            return false;
        };
        let mut window = match window.try_lock() {
            Ok(window) => window,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody else does it.
            Err(TryLockError::WouldBlock) => return false,
        };
        let age = now.saturating_sub(window.began);
        if age < SHORTEST || (age < LONGEST && self.latencies.samples() < SAMPLES) {
            return false;
        }
        self.step(&mut window, now);
        true
    }

    fn step(&self, window: &mut Window, now: u64) {
        let load = match self.load.swap(0, Relaxed) {
            FULL => Load::Full,
            BUSY => Load::Busy,
            _ => Load::Low,
        };
        // What is late by whole windows was one of them, or nobody asked, or few: it recovers as much.
        let length = if load == Load::Low { SHORTEST } else { LONGEST };
        let windows = (now.saturating_sub(window.began) / length).clamp(1, MANY);
        let mut seen = Seen {
            now: Duration::from_nanos(now),
            median: self.latencies.take().median,
            load,
        };
        for _ in 0..windows {
            window.law.step(seen);
            (seen.median, seen.load) = (None, Load::Low);
        }
        window.began = now;
        self.requests.store(0, Relaxed);
        let from = if window.law.is_probing() { now } else { 0 };
        self.counts_from.store(from, Relaxed);
        self.limit.store(window.law.limit(), SeqCst);
        self.ends.store(now + SHORTEST, Relaxed);
    }
}

/// Requests of a window whose latency is measured, and which part of those that follow.
const ALL_OF: u32 = 64;
const ONE_IN: u32 = 8;

const BUSY: u8 = 1;
const FULL: u8 = 2;

/// A window, in nanoseconds.
const SHORTEST: u64 = 100_000_000;
const LONGEST: u64 = 1_000_000_000;

/// How many windows there are at most where nobody asked.
const MANY: u64 = 32;

/// With fewer samples a window goes on.
const SAMPLES: u64 = 10;
