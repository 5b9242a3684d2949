//! What is known of a key that somebody else has, and for how long.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::KeyRecord;

#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) hit: Duration,
    pub(super) miss: Duration,
    pub(super) stale: Duration,
    pub(super) limit: Duration,
}

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) found: Option<(Option<KeyRecord>, Instant)>,
    pub(super) failed: Option<(Arc<str>, Instant)>,
}

/// What came of a look-up, or why nothing did.
pub(super) type Answer = Result<Option<KeyRecord>, Arc<str>>;

// ===== impl Times =====

impl Times {
    pub(super) const DEFAULT: Self = Self {
        hit: Duration::from_secs(30),
        miss: Duration::from_secs(5),
        stale: Duration::from_secs(600),
        limit: Duration::from_secs(1),
    };
}

// ===== impl State =====

impl State {
    /// Returns what is known for certain.
    pub(super) fn fresh(&self, times: &Times, now: Instant) -> Option<Option<KeyRecord>> {
        let (record, at) = self.found.as_ref()?;
        let keep = if record.is_some() {
            times.hit
        } else {
            times.miss
        };
        (now.duration_since(*at) < keep).then(|| record.clone())
    }

    /// Returns a key that was there not long ago.
    pub(super) fn stale(&self, times: &Times, now: Instant) -> Option<Option<KeyRecord>> {
        let (record, at) = self.found.as_ref()?;
        let is_young = now.duration_since(*at) < times.stale;
        (is_young && record.is_some()).then(|| record.clone())
    }

    /// Returns what there is to say without a look-up: of what is known, or when one failed just now.
    pub(super) fn answer(&self, times: &Times, now: Instant) -> Option<Answer> {
        if let Some(record) = self.fresh(times, now) {
            return Some(Ok(record));
        }
        let (error, at) = self.failed.as_ref()?;
        let is_recent = now.duration_since(*at) < REST;
        is_recent.then(|| {
            let stale = self.stale(times, now);
            stale.ok_or_else(|| Arc::clone(error))
        })
    }
}

/// How long an id is left alone whose look-up failed.
const REST: Duration = Duration::from_secs(1);
