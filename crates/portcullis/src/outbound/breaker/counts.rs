use super::circuit::Outcome;

/// What breakers have counted of their calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCounts {
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that took too long.
    pub slow: u64,
    /// Calls that nobody waited for to their end.
    pub cancelled: u64,
    /// Calls that were not made, because a breaker was open.
    pub refused: u64,
    /// How often a breaker opened.
    pub opened: u64,
}

// ===== impl CallCounts =====

impl CallCounts {
    pub(super) fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Success => &mut self.succeeded,
            Outcome::Failure | Outcome::RetryAfter(_) => &mut self.failed,
            Outcome::Slow => &mut self.slow,
            Outcome::Cancelled => &mut self.cancelled,
        } += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.slow += other.slow;
        self.cancelled += other.cancelled;
        self.refused += other.refused;
        self.opened += other.opened;
    }
}
