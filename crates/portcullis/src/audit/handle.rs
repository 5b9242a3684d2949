use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use portcullis_core::{
    ConfigError, Count, Counts, Exchange, Observer, Reason, Rejection, WallClock,
};
use tokio::time::{Instant, timeout_at};

use super::{
    AuditBuilder, AuditGuard, Decision, Event, EventSink, OnFull,
    pending::{Seen, What},
    queue::{Queue, Rank},
};
use crate::first_of_minute::FirstOfMinute;

/// Turns what an edge decides into audit events, and takes others. Clones are handles to one queue and
/// one sink. See the [module docs](super).
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    settings: Settings,
    successes: AtomicU64,
    losses: FirstOfMinute,
    /// No edge has a guard, and nobody was told what that means.
    is_unguarded: AtomicBool,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) one_in: u64,
    pub(super) keeps_missing: bool,
    pub(super) clock: WallClock,
}

/// Some events were not written in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unwritten {
    /// How many still wait, or were lost.
    pub events: u64,
}

// ===== impl Audit =====

impl Audit {
    /// Creates an audit log with the defaults. What happens when its queue is full is a decision: there
    /// is no default. [`OnFull::Block`] and [`OnFull::FailClosed`] do nothing without the
    /// [guard](Self::guard): an edge that only observes drops events and refuses nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
    pub fn new(sink: impl EventSink, on_full: OnFull) -> Result<Self, ConfigError> {
        Self::builder(sink, on_full).build()
    }

    /// Creates an audit log with other settings.
    pub fn builder(sink: impl EventSink, on_full: OnFull) -> AuditBuilder {
        AuditBuilder::new(Box::new(sink), on_full)
    }

    pub(super) fn from_parts(queue: Arc<Queue>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            queue,
            settings,
            successes: AtomicU64::new(0),
            losses: FirstOfMinute::default(),
            is_unguarded: AtomicBool::new(true),
        }))
    }

    /// Returns a guard that lets a request pass when there is a place for its event, for a slot above
    /// authentication: `edge.guard(Slot::BodyLimit, audit.guard())`. It is off with [`OnFull::Drop`].
    #[must_use]
    pub fn guard(&self) -> AuditGuard {
        self.0.is_unguarded.store(false, Relaxed);
        AuditGuard::new(self.clone())
    }

    /// Records a change of the server itself. Never waits; if the queue is full it is dropped, and counted,
    /// whatever the policy. There is some room for such events beside the capacity.
    pub fn record(&self, event: Event) {
        self.push(Rank::Own, What::Changed(event));
    }

    /// Opens the sink anew, after a file was renamed: once the batch is written that it writes now, 1,024
    /// events at most. What waits then goes to the new one.
    pub fn reopen(&self) {
        self.0.queue.reopen();
    }

    /// Waits until everything is written that was recorded before, at most this long. What had no place, and
    /// was dropped and counted, is not waited for.
    ///
    /// # Errors
    ///
    /// Returns an error if some events still wait, or were lost because nobody writes any more: the sink
    /// panicked, or the log was closed before it could write them.
    pub async fn flush(&self, limit: Duration) -> Result<(), Unwritten> {
        let queue = &self.0.queue;
        let flushed = timeout_at(Instant::now() + limit, queue.flushed()).await;
        let left = if flushed.is_err() {
            queue.len() as u64
        } else {
            0
        };
        match left + queue.lost() {
            0 => Ok(()),
            events => Err(Unwritten { events }),
        }
    }

    /// Writes what waits, closes the sink, and accepts nothing more. Call it when the server has
    /// stopped, with as much time as a slow disk may take.
    ///
    /// # Errors
    ///
    /// Returns an error if some events could not be written in time, or were accepted and lost before.
    pub async fn close(&self, limit: Duration) -> Result<(), Unwritten> {
        let queue = &self.0.queue;
        let refused_before = queue.refused();
        queue.close(false);
        let ended = timeout_at(Instant::now() + limit, queue.ended()).await;
        let left = if ended.is_err() {
            queue.len() as u64
        } else {
            0
        };
        let lost = queue.lost() + queue.refused() - refused_before;
        queue.close(true);
        match left + lost {
            0 => Ok(()),
            events => Err(Unwritten { events }),
        }
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.0.queue
    }

    fn push(&self, rank: Rank, what: What) {
        let at = self.0.settings.clock.since_epoch();
        if self.0.queue.push(at, rank, what) {
            return;
        }
        let on_full = self.0.queue.on_full;
        if on_full != OnFull::Drop && self.0.is_unguarded.swap(false, Relaxed) {
            tracing::warn!(target: "portcullis", ?on_full, "audit events are dropped: there is no guard of the audit log, so no request is held up or refused");
        }
        let now = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        if let Some(others) = self.0.losses.turn(now) {
            tracing::error!(target: "portcullis", others, "an audit event was dropped");
        }
    }

    /// Returns what was decided, if it is worth an event, and which rank that has.
    fn judge(&self, exchange: &Exchange) -> Option<(Rank, Decision)> {
        let reason = exchange.rejection().and_then(Rejection::cause);
        match reason.map(|cause| cause.reason()) {
            Some(Reason::NoCredentials) if !self.0.settings.keeps_missing => None,
            Some(Reason::CrossSite | Reason::OriginNotAllowed) => {
                Some((Rank::Unlimited, Decision::Denied))
            }
            Some(Reason::LockedOut) => Some((Rank::Limited, Decision::LockedOut)),
            Some(_) => Some((Rank::Limited, Decision::Denied)),
            None if exchange.principal().is_some() && self.is_sampled() => {
                Some((Rank::Limited, Decision::Allowed))
            }
            None => None,
        }
    }

    /// The first of each so many.
    fn is_sampled(&self) -> bool {
        let before = self.0.successes.fetch_add(1, Relaxed);
        before.is_multiple_of(self.0.settings.one_in)
    }
}

impl Observer for Audit {
    fn end(&self, exchange: &Exchange) {
        if let Some((rank, decision)) = self.judge(exchange) {
            let seen = Box::new(Seen::new(exchange, decision));
            self.push(rank, What::Seen(seen));
        }
    }

    fn on_stop(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let queue = Arc::clone(&self.0.queue);
        Some(Box::pin(async move { queue.flushed().await }))
    }

    fn describe(&self) -> String {
        "audit".to_owned()
    }
}

impl Counts for Audit {
    fn counts(&self) -> Vec<Count> {
        let queue = &self.0.queue;
        let dropped = queue.dropped.load(Relaxed);
        let counts = [
            Count::total(
                "portcullis_audit_dropped",
                "Audit events that were lost",
                dropped,
            ),
            Count::gauge(
                "portcullis_audit_waiting",
                "Audit events that are not written yet",
                queue.len() as u64,
            ),
        ];
        counts.map(|count| count.counted_by(&*self.0)).into()
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.0.settings;
        f.debug_tuple("Audit").field(settings).finish()
    }
}

// ===== impl Inner =====

/// What waits is still written, if the process lives that long.
impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close(true);
    }
}

// ===== impl Unwritten =====

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} audit events are not written", self.events)
    }
}

impl std::error::Error for Unwritten {}
