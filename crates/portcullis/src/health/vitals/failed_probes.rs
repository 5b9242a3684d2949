//! Probes that were answered with 503, until they are observed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many there are of the last second. An answer is observed at once; where no observer sees the
/// probes, they are forgotten.
#[derive(Debug, Default)]
pub(super) struct FailedProbes(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    second: u64,
    count: u32,
}

// ===== impl FailedProbes =====

impl FailedProbes {
    pub(super) fn add(&self, second: u64) {
        let mut recent = self.lock();
        if recent.second + 1 < second {
            recent.count = 0;
        }
        recent.second = second;
        recent.count = recent.count.saturating_add(1);
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, second: u64) -> bool {
        let mut recent = self.lock();
        let is_there = recent.count > 0 && second <= recent.second + 1;
        if is_there {
            recent.count -= 1;
        }
        is_there
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
