//! What closes a connection, and when.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{
    activity::{Activity, NEVER},
    limits::{CLOSING, LEAST_READ, Limits},
};

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// No whole head came.
    Head,
    /// Nothing was asked.
    Idle,
    /// The client doesn't read.
    Write,
    /// It is old.
    Age,
    /// There were too many, and nothing was in flight on this one.
    Evicted,
    /// It sent more control frames than it needs, or reset too many streams.
    Flood,
    /// It broke the rules of HTTP/2.
    Protocol,
}

// ===== impl Activity =====

impl Activity {
    /// Returns what would close the connection next, and when: in nanoseconds since it was accepted.
    pub(super) fn due(&self, limits: &Limits) -> Option<(u64, Why)> {
        let after = |since: &AtomicU64, limit, why| match since.load(Relaxed) {
            NEVER => None,
            since => Some((since.saturating_add(nanos(limit)), why)),
        };
        let is_idle = self.is_idle() && self.blocked_since.load(Relaxed) == NEVER;
        let idle = || Some((self.idle_until(limits), Why::Idle));
        let head = after(&self.head_since, limits.head, Why::Head);
        [
            head.or_else(|| is_idle.then(idle).flatten()),
            after(&self.blocked_since, limits.write, Why::Write),
            self.aged(limits),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Whether a client that was due for not reading reads, if slowly. A new time begins.
    pub(super) fn reads_enough(&self, limits: &Limits) -> bool {
        let least = LEAST_READ.saturating_mul(limits.write.as_millis() as u64) / 1000;
        let is_enough = self.read_since.swap(0, Relaxed) >= least.max(1);
        if is_enough {
            self.blocked_since.store(self.now(), Relaxed);
        }
        is_enough
    }

    fn aged(&self, limits: &Limits) -> Option<(u64, Why)> {
        let until = match self.closing_since.load(Relaxed) {
            NEVER => nanos(limits.age?),
            since => since.saturating_add(nanos(limits.age_grace)),
        };
        Some((until, Why::Age))
    }

    /// Until when nothing may be asked. Who is to end has a little time to be asked for the last time.
    fn idle_until(&self, limits: &Limits) -> u64 {
        let idle_since = self.idle_since.load(Relaxed);
        let (since, limit) = match self.ending_since.load(Relaxed) {
            NEVER => (idle_since, limits.idle),
            ending => (idle_since.max(ending), limits.idle.min(CLOSING)),
        };
        since.saturating_add(nanos(limit))
    }
}

/// Limits are capped far below what this holds.
const fn nanos(limit: Duration) -> u64 {
    limit.as_nanos() as u64
}
