use std::time::Duration;

use tokio::time::Instant;

use crate::jwt::Jwks;

/// The last good set, and when it was fetched.
#[derive(Default)]
pub(super) struct Known(Option<(Jwks, Instant)>);

// ===== impl Known =====

impl Known {
    pub(super) fn fetched(keys: Jwks) -> Self {
        Self(Some((keys, Instant::now())))
    }

    /// Returns the set, unless it is older than it may be.
    #[inline]
    pub(super) fn usable(&self, max_stale: Duration) -> Option<&Jwks> {
        let (keys, at) = self.0.as_ref()?;
        (at.elapsed() <= max_stale).then_some(keys)
    }

    /// Returns how old the set is.
    pub(super) fn age(&self) -> Option<Duration> {
        let (_, at) = self.0.as_ref()?;
        Some(at.elapsed())
    }
}
