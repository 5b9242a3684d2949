use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where guards read the date: what expires, expires by it.
///
/// The system's, unless a test has one of its own.
#[derive(Clone, Debug, Default)]
pub struct WallClock(Option<ManualClock>);

/// A date that a test sets. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::{ManualClock, WallClock};
///
/// let date = ManualClock::new(1_700_000_000);
/// let clock = WallClock::from(&date);
/// date.advance(Duration::from_secs(60));
///
/// assert_eq!(clock.unix(), 1_700_000_060);
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicU64>);

// ===== impl WallClock =====

impl WallClock {
    /// Returns the system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Returns the seconds since 1970, without leap seconds. 0 before.
    #[must_use]
    #[inline]
    pub fn unix(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// Returns the time since 1970, without leap seconds. Zero before.
    #[must_use]
    #[inline]
    pub fn since_epoch(&self) -> Duration {
        match &self.0 {
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            Some(manual) => Duration::from_millis(manual.0.load(Relaxed)),
        }
    }
}

impl From<&ManualClock> for WallClock {
    fn from(manual: &ManualClock) -> Self {
        Self(Some(manual.clone()))
    }
}

// ===== impl ManualClock =====

impl ManualClock {
    /// Creates a clock that stands at so many seconds since 1970.
    #[must_use]
    pub fn new(unix: u64) -> Self {
        Self(Arc::new(AtomicU64::new(unix.saturating_mul(1000))))
    }

    /// Moves the date on, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Relaxed);
    }

    /// Sets the date, in seconds since 1970.
    pub fn set(&self, unix: u64) {
        self.0.store(unix.saturating_mul(1000), Relaxed);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({} ms)", self.0.load(Relaxed))
    }
}
