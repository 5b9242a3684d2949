use std::time::Duration;

use tokio::time::Instant;

/// The time since the limiter was made, as tests can pause it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
}

impl Clock {
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
