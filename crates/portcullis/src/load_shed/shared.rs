//! The state behind a guard.

use std::sync::{Arc, Weak};

use http::response;
use portcullis_core::{
    Rejection, RejectionKind,
    guard::{Note, Permits},
};
use tokio::time::Instant;

use super::{
    adaptive::Adaptive, gauge::Gauge, partitions::Partitions, queue::Queue, settings::Settings,
    signals::Signals, tally::Tally,
};

/// What all clones of a guard share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) made: Instant,
    pub(super) in_flight: Gauge,
    pub(super) adaptive: Adaptive,
    pub(super) partitions: Partitions,
    pub(super) signals: Signals,
    pub(super) queue: Queue,
    pub(super) tally: Tally,
    pub(super) me: Weak<Self>,
}

// ===== impl Shared =====

impl Shared {
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            made: Instant::now(),
            in_flight: Gauge::default(),
            adaptive: Adaptive::new(settings.bounds, settings.follows_latency),
            queue: Queue::new(settings.queue),
            signals: Signals::default(),
            partitions: Partitions::new(&settings.classes),
            tally: Tally::new(settings.classes.len() + 1),
            settings,
        })
    }

    /// Returns the limit that is in force.
    #[inline]
    pub(super) fn limit(&self) -> u32 {
        self.adaptive.limit().min(self.signals.cap())
    }

    /// Takes a place, if there is one for this partition.
    #[inline]
    pub(super) fn take(&self, partition: usize) -> bool {
        let limit = self.limit();
        let taken = match self.partitions.get(partition) {
            None => self.in_flight.take(limit),
            Some(partition) => partition.take(&self.in_flight, limit),
        };
        if let Some(taken) = taken {
            self.adaptive.note(taken);
        }
        taken.is_some()
    }

    /// Returns a time in nanoseconds since the guard was made.
    #[inline]
    pub(super) fn since_made(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.made).as_nanos()).unwrap_or(u64::MAX)
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.since_made(Instant::now())
    }
}

/// A permit's note is its partition, and when it was admitted: in nanoseconds since the guard was made,
/// or [`UNMEASURED`].
impl Permits for Shared {
    /// Measures how long the service took, unless it is not the service that answers.
    #[inline]
    fn on_head(&self, [_, admitted]: Note, head: &response::Parts) {
        if admitted != UNMEASURED && is_measure(head) {
            let now = self.now();
            self.adaptive.add(admitted, now);
            self.adaptive.turn(now);
        }
    }

    fn take_back(&self, [partition, _]: Note) {
        if let Some(partition) = self.partitions.get(partition as usize) {
            partition.in_flight.give_back();
        }
        self.in_flight.give_back();
        if !self.queue.is_empty()
            && let Some(me) = self.me.upgrade()
        {
            me.hand_over();
        }
    }
}

/// Returns `true` if the time to this response is one that the service needs. What fails or is refused
/// is quicker than what is served; what is late is as slow as the deadline, at the least.
#[inline]
fn is_measure(head: &response::Parts) -> bool {
    match head.extensions.get().map(Rejection::kind) {
        None => !head.status.is_server_error(),
        Some(kind) => matches!(
            kind,
            RejectionKind::TimedOut | RejectionKind::GatewayTimedOut
        ),
    }
}

/// Of a request whose latency is not measured.
pub(super) const UNMEASURED: u64 = u64::MAX;
