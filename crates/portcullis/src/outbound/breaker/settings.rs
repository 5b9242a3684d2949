use std::time::Duration;

/// When a breaker opens, and how it closes. In nanoseconds where it is a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Failures in a row; `u32::MAX` for never.
    pub(super) failures: u32,
    /// Per mille of the calls in a window; more than 1,000 for never.
    pub(super) failure_rate: u32,
    pub(super) window: u64,
    pub(super) min_calls: u32,
    pub(super) open_for: u64,
    pub(super) retry_after_cap: u64,
    pub(super) probes: u32,
    pub(super) successes: u32,
}

// ===== impl Settings =====

impl Settings {
    /// Whether so many failures of so many calls are too many.
    pub(super) fn is_too_many(&self, calls: u32, failures: u32) -> bool {
        let is_rate =
            u64::from(failures) * 1_000 >= u64::from(self.failure_rate) * u64::from(calls);
        calls >= self.min_calls && is_rate
    }
}

/// Nanoseconds of a time; 584 years are as good as for ever.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
