//! How many are in flight.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// Counts what is in flight, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU32);

// ===== impl Gauge =====

impl Gauge {
    /// Takes a place below the limit. Returns how many are taken then.
    #[inline]
    pub(super) fn take(&self, limit: u32) -> Option<u32> {
        let mut taken = self.0.load(Acquire);
        while taken < limit {
            let more = taken + 1;
            match self.0.compare_exchange_weak(taken, more, AcqRel, Acquire) {
                Ok(_) => return Some(more),
                Err(now) => taken = now,
            }
        }
        None
    }

    /// Takes a place whatever is taken. Returns how many are taken then.
    #[inline]
    pub(super) fn add(&self) -> u32 {
        self.0.fetch_add(1, AcqRel) + 1
    }

    /// Returns a place to the gauge.
    #[inline]
    pub(super) fn give_back(&self) {
        self.0.fetch_sub(1, AcqRel);
    }

    pub(super) fn read(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
