use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::health::check::Check;

/// What something that must go on beats. Clones are handles to one.
#[derive(Clone)]
pub struct Heartbeat(Arc<Beats>);

struct Beats {
    began: Instant,
    /// The last, in milliseconds since it began.
    last: AtomicU64,
}

// ===== impl Check =====

impl Check {
    /// Creates a check that fails when nobody has beaten for this long: a worker that hangs or is gone.
    /// The time begins now. Looked at each second; the first failure counts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use portcullis::{Health, health::Check};
    ///
    /// let (check, heartbeat) = Check::heartbeat("worker", Duration::from_secs(30));
    /// let health = Health::new().add_check(check);
    /// // In the worker's loop:
    /// heartbeat.beat();
    /// # let _ = health;
    /// ```
    pub fn heartbeat(name: &str, at_most: Duration) -> (Self, Heartbeat) {
        let beats = Arc::new(Beats {
            began: Instant::now(),
            last: AtomicU64::new(0),
        });
        let heartbeat = Heartbeat(Arc::clone(&beats));
        let mut check = Self::of_itself(name, move || {
            let silence = beats.silence();
            if silence > at_most {
                return Err(format!("no heartbeat for {silence:?}, at most {at_most:?}"));
            }
            Ok(())
        });
        check.wants(!at_most.is_zero(), || {
            "wants a heartbeat each 0 s".to_owned()
        });
        (check, heartbeat)
    }
}

// ===== impl Heartbeat =====

impl Heartbeat {
    /// Beats: it goes on.
    pub fn beat(&self) {
        let since = self.0.began.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.0.last.fetch_max(since, Relaxed);
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heartbeat({:?} ago)", self.0.silence())
    }
}

// ===== impl Beats =====

impl Beats {
    fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Relaxed));
        self.began.elapsed().saturating_sub(last)
    }
}
