//! Making room for another connection.

use std::{
    sync::atomic::Ordering::{AcqRel, Acquire, Relaxed},
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::activity::Activity;

// ===== impl Activity =====

impl Activity {
    /// Returns since when nothing is in flight, if nothing is and it is not to end anyway.
    pub(super) fn evictable_since(&self) -> Option<Instant> {
        let is_evictable = self.is_idle() && !self.is_upgraded() && !self.is_evicted();
        is_evictable.then(|| self.at(self.idle_since.load(Relaxed)))
    }

    /// Waits until the connection is to make room.
    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.is_evicted() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Closes the connection to make room for another, if nothing is in flight. Returns `true` if it
    /// does: what comes from now on is not served.
    pub(super) fn evict(&self) -> bool {
        let evicts = self.is_idle()
            && self
                .in_flight
                .compare_exchange(0, EVICTED, AcqRel, Relaxed)
                .is_ok();
        if evicts {
            self.driver.wake();
        }
        evicts
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.in_flight.load(Acquire) & EVICTED != 0
    }
}

/// Set in [`Activity::in_flight`] of a connection that makes room. None has so many requests.
pub(super) const EVICTED: u32 = 1 << 31;
