//! What was shed, and why.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::first_of_minute::FirstOfMinute;

/// Why a request was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The limit was reached.
    Limit,
    /// The limit was reached that the runtime's lag has lowered.
    Lag,
    /// Memory runs out.
    Memory,
    /// There was no place while it waited.
    Queue,
}

/// Counts what was shed.
pub(super) struct Tally {
    /// By partition and reason.
    shed: Box<[[AtomicU64; Reason::ALL.len()]]>,
    all: AtomicU64,
    admitted: AtomicU64,
    sample: FirstOfMinute,
}

// ===== impl Reason =====

impl Reason {
    pub(super) const ALL: [Self; 4] = [Self::Limit, Self::Lag, Self::Memory, Self::Queue];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Lag => "lag",
            Self::Memory => "memory",
            Self::Queue => "queue",
        }
    }
}

// ===== impl Tally =====

impl Tally {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            shed: (0..partitions).map(|_| Default::default()).collect(),
            all: AtomicU64::new(0),
            admitted: AtomicU64::new(0),
            sample: FirstOfMinute::default(),
        }
    }

    /// Counts a request that was admitted.
    #[inline]
    pub(super) fn admit(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    pub(super) fn admitted(&self) -> u64 {
        self.admitted.load(Relaxed)
    }

    /// Returns how many requests were admitted and shed.
    pub(super) fn load(&self) -> [u64; 2] {
        [self.admitted(), self.all.load(Relaxed)]
    }

    /// Counts a request that was shed. Returns how many were shed before.
    pub(super) fn add(&self, partition: usize, reason: Reason) -> u64 {
        self.shed[partition][reason as usize].fetch_add(1, Relaxed);
        self.all.fetch_add(1, Relaxed)
    }

    pub(super) fn shed(&self, partition: usize, reason: Reason) -> u64 {
        self.shed[partition][reason as usize].load(Relaxed)
    }

    /// Returns how many were not logged before, if this one is to be.
    pub(super) fn turn(&self, now: u64) -> Option<u64> {
        self.sample.turn(now)
    }
}
