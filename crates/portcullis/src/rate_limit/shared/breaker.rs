use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    time::Duration,
};

use crate::rate_limit::rate::nanos;

/// Stops asking what does not answer.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures since the last success.
    failures: AtomicU32,
    /// When one request may ask again, in nanoseconds; 0 as long as all may.
    again_at: AtomicU64,
}

/// What a result changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened,
    Closed,
}

// ===== impl Breaker =====

impl Breaker {
    /// Whether this request may ask. Of those that come while nobody may, one each second does.
    #[inline]
    pub(super) fn may_ask(&self, now: u64) -> bool {
        match self.again_at.load(Acquire) {
            0 => true,
            again_at if now < again_at => false,
            again_at => {
                let next = now + nanos(PAUSE);
                let taken = self
                    .again_at
                    .compare_exchange(again_at, next, AcqRel, Relaxed);
                taken.is_ok()
            }
        }
    }

    #[inline]
    pub(super) fn succeeded(&self) -> Change {
        if self.failures.load(Relaxed) > 0 {
            self.failures.store(0, Relaxed);
        }
        match self.again_at.load(Acquire) {
            0 => Change::None,
            _ if self.again_at.swap(0, AcqRel) == 0 => Change::None,
            _ => Change::Closed,
        }
    }

    pub(super) fn failed(&self, now: u64) -> Change {
        let failures = self.failures.fetch_add(1, AcqRel).saturating_add(1);
        if failures < FAILURES {
            return Change::None;
        }
        let again_at = now.saturating_add(nanos(PAUSE));
        match self.again_at.compare_exchange(0, again_at, AcqRel, Relaxed) {
            Ok(_) => Change::Opened,
            Err(_) => Change::None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.again_at.load(Relaxed) != 0
    }
}

/// A connection that was cut fails once or twice while a new one is made.
const FAILURES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
