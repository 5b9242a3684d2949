use std::time::Duration;

/// How long to wait before a batch is sent again: twice as long each time, give or take a half, so
/// that many processes do not come back at once.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

// ===== impl Backoff =====

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { next: FIRST }
    }

    /// Returns the next wait: as long as the collector wants, if it says so.
    pub(super) fn wait(&mut self, wanted: Option<Duration>) -> Duration {
        let own = self.next.mul_f64(rand::random_range(0.5..1.5));
        self.next = (self.next * 2).min(LONGEST);
        wanted.unwrap_or(own)
    }
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);
