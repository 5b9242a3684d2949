use std::time::Duration;

use tokio::time::Instant;

/// The time by which the request must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// Returns the time that is left. Zero once the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
