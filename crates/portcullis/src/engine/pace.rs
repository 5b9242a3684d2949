//! How fast a client sends a body.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, header::CONNECTION};
use portcullis_core::{Rejection, RejectionKind};
use tokio::time::Instant;

use super::BodyCount;
use crate::lazy_timer::LazyTimer;

/// How fast a body must come. Only the time in which the application waits for it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Without a byte.
    pub(crate) idle: Duration,
    /// Bytes a second, once `idle` has been waited in all.
    pub(crate) rate: u64,
    /// In all.
    pub(crate) total: Duration,
}

/// How long the application waited for a body.
#[derive(Debug)]
pub(super) struct Waited {
    pace: Pace,
    /// In waits that are over, in nanoseconds.
    nanos: AtomicU64,
    is_waiting: AtomicBool,
    is_too_slow: AtomicBool,
    /// The response has begun: both sides may talk for as long as they like.
    is_answered: AtomicBool,
    /// How long nothing may come then.
    stream_idle: Option<Duration>,
}

/// How long is waited for one body.
pub(super) struct Wait {
    count: Arc<BodyCount>,
    timer: LazyTimer,
    since: Option<Instant>,
}

/// A body came too slowly.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyTooSlow;

// ===== impl Waited =====

impl Waited {
    pub(super) const fn new(pace: Pace, stream_idle: Option<Duration>) -> Self {
        Self {
            pace,
            is_answered: AtomicBool::new(false),
            stream_idle,
            nanos: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            is_too_slow: AtomicBool::new(false),
        }
    }

    /// Returns how long was waited, in waits that are over.
    pub(super) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }

    /// The response has begun.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Relaxed);
    }

    /// Returns how long may be waited now.
    fn limit(&self) -> Option<Duration> {
        if self.is_answered.load(Relaxed) {
            return self.stream_idle;
        }
        let left = self.pace.total.saturating_sub(self.time());
        Some(self.pace.idle.min(left))
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Relaxed)
    }

    /// A wait is over.
    fn add(&self, since: Option<Instant>) {
        let nanos = since.map_or(0, |since| since.elapsed().as_nanos() as u64);
        self.nanos.fetch_add(nanos, Relaxed);
        self.is_waiting.store(false, Relaxed);
    }

    /// Returns why the request is refused, once it is.
    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.is_too_slow.load(Relaxed).then(|| {
            Rejection::new(RejectionKind::RequestTimedOut)
                .with_detail("the body came too slowly")
                .with_header(CONNECTION, HeaderValue::from_static("close"))
        })
    }

    /// Returns `true` if what came is too little for the time.
    fn is_behind(&self, read: u64) -> bool {
        if self.is_answered.load(Relaxed) {
            return false;
        }
        let waited = self.time();
        let least = u128::from(self.pace.rate) * waited.as_millis() / 1000;
        waited > self.pace.total || waited > self.pace.idle && u128::from(read) < least
    }
}

// ===== impl Wait =====

impl Wait {
    pub(super) const fn new(count: Arc<BodyCount>) -> Self {
        Self {
            count,
            timer: LazyTimer::new(),
            since: None,
        }
    }

    /// Something came. Returns `true` if it came too late, or is too little.
    pub(super) fn came(&mut self) -> bool {
        let (Some(since), Some(waited)) = (self.since.take(), self.count.waited()) else {
            return false;
        };
        waited.add(Some(since));
        let is_behind = waited.is_behind(self.count.read());
        waited.is_too_slow.store(is_behind, Relaxed);
        is_behind
    }

    /// Nothing came yet. Ready when nothing may come any more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(waited) = self.count.waited() else {
            return Poll::Pending;
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        waited.is_waiting.store(true, Relaxed);
        let until = waited.limit().and_then(|limit| since.checked_add(limit));
        let Some(until) = until else {
            return Poll::Pending;
        };
        let late = self.timer.poll_until(until, cx);
        if late.is_ready() {
            waited.is_too_slow.store(true, Relaxed);
        }
        late
    }
}

/// Nobody is waited for any more.
impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(waited) = self.count.waited() {
            waited.add(self.since);
        }
    }
}

// ===== impl BodyTooSlow =====

impl fmt::Display for BodyTooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body came too slowly")
    }
}

impl std::error::Error for BodyTooSlow {}
