use portcullis_core::{Facts, Received};
use tokio::time::Instant;

use super::rate::nanos;

/// Nanoseconds since it was made. Tests can pause them: it is tokio's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    #[inline]
    pub(crate) fn now(self) -> u64 {
        self.at(Instant::now())
    }

    /// The time at which a request came, where a layer above has looked at a clock.
    #[inline]
    pub(crate) fn of_request(self, facts: &Facts) -> u64 {
        match facts.get() {
            Some(Received(at)) => self.at(*at),
            None => self.now(),
        }
    }

    /// A time before the clock was made is its first.
    #[inline]
    fn at(self, time: Instant) -> u64 {
        // 146 years are enough, and leave room to add to.
        nanos(time.saturating_duration_since(self.started)).min(u64::MAX >> 2)
    }
}
