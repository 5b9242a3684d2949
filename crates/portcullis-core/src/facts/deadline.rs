use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

/// The time by which the request must be answered.
///
/// In an edge it stands still while the application waits for the body of the request: a copy that was
/// made before says the same as the fact.
#[derive(Clone)]
pub struct Deadline {
    at: Instant,
    pauses: Option<Arc<dyn Pauses>>,
}

/// Time in which a deadline stands still.
pub trait Pauses: Send + Sync + 'static {
    /// Returns how long it stood still so far.
    fn paused(&self) -> Duration;
}

// ===== impl Deadline =====

impl Deadline {
    /// Creates a deadline.
    #[must_use]
    pub const fn new(at: Instant) -> Self {
        Self { at, pauses: None }
    }

    /// Adds the time in which it stands still.
    #[must_use]
    pub fn with_pauses(mut self, pauses: Arc<dyn Pauses>) -> Self {
        self.pauses = Some(pauses);
        self
    }

    /// Returns when it passes, as it is now.
    #[must_use]
    pub fn instant(&self) -> Instant {
        let paused = self.pauses.as_ref().map(|pauses| pauses.paused());
        self.at + paused.unwrap_or_default()
    }

    /// Returns the time that is left. Zero once the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.instant().saturating_duration_since(Instant::now())
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self::new(at)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.instant()).finish()
    }
}
