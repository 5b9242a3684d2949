//! Logs that a client can't fill.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

/// Which of many events are logged: the first of each minute. The others are counted.
#[derive(Debug, Default)]
pub(crate) struct FirstOfMinute {
    /// In nanoseconds of the caller's clock.
    next: AtomicU64,
    others: AtomicU64,
}

// ===== impl FirstOfMinute =====

impl FirstOfMinute {
    /// Returns how many were not logged before, if this one is to be.
    pub(crate) fn turn(&self, now: u64) -> Option<u64> {
        let next = self.next.load(Relaxed);
        // Of several at once one is the first.
        let is_first = now >= next
            && self
                .next
                .compare_exchange(next, now + MINUTE, AcqRel, Relaxed)
                .is_ok();
        if is_first {
            return Some(self.others.swap(0, Relaxed));
        }
        self.others.fetch_add(1, Relaxed);
        None
    }
}

/// In nanoseconds.
const MINUTE: u64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_minute_says_how_many_others_there_were() {
        let logged = FirstOfMinute::default();
        let turns = [5, 6, 7, MINUTE + 4, MINUTE + 5, MINUTE + 6];

        let turns = turns.map(|now| logged.turn(now));
        assert_eq!(turns, [Some(0), None, None, None, Some(3), None]);
    }
}
