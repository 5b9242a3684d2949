//! What happens on a connection, as far as its limits need to know.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll},
    time::Duration,
};

use atomic_waker::AtomicWaker;
use tokio::time::Instant;

use super::{
    limits::{CLOSING, LEAST_READ, Limits},
    shutdown::Stage,
    version::Version,
};

/// What happens on a connection. Times are nanoseconds since it was accepted.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    stage: AtomicU8,
    in_flight: AtomicU32,
    /// Since when nothing is in flight.
    idle_since: AtomicU64,
    /// Of HTTP/2, whose response has not left.
    streams: AtomicU32,
    /// What the client may send for the work that is done for it.
    earned: AtomicU64,
    /// Since when it is to end: the server drains, or the connection is old.
    ending_since: AtomicU64,
    /// Since when a head is awaited that isn't whole, or [`NEVER`].
    head_since: AtomicU64,
    /// Since when the client doesn't read all that is written, or [`NEVER`].
    blocked_since: AtomicU64,
    /// What it read since then.
    read_since: AtomicU64,
    /// Of HTTP/1: a request came whose response isn't flushed.
    is_answering: AtomicBool,
    /// It ends as soon as nothing is in flight.
    closing_since: AtomicU64,
    is_upgraded: AtomicBool,
    /// It is to make room for another.
    is_evicted: AtomicBool,
    /// Who serves it; or, when it is upgraded, who reads and who writes.
    driver: AtomicWaker,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// A request that is served. It ends with the last byte of its response.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

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
}

/// Whose task waits for something on an upgraded connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Reader,
    Writer,
}

// ===== impl Activity =====

impl Activity {
    pub(super) fn new(accepted: Instant) -> Self {
        let never = || AtomicU64::new(NEVER);
        Self {
            accepted,
            stage: AtomicU8::new(Stage::Serving as u8),
            in_flight: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
            streams: AtomicU32::new(0),
            earned: AtomicU64::new(0),
            ending_since: never(),
            head_since: AtomicU64::new(0),
            blocked_since: never(),
            read_since: AtomicU64::new(0),
            is_answering: AtomicBool::new(false),
            closing_since: never(),
            is_upgraded: AtomicBool::new(false),
            is_evicted: AtomicBool::new(false),
            driver: AtomicWaker::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    /// A request's head is whole.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.head_since.store(NEVER, Relaxed);
        match version {
            Version::Http1 => self.is_answering.store(true, Relaxed),
            Version::Http2 => _ = self.earned.fetch_add(FOR_A_REQUEST, Relaxed),
        }
        InFlight(Arc::clone(self))
    }

    /// A piece of a response is there.
    pub(super) fn gave(&self) {
        self.earned.fetch_add(FOR_A_PIECE, Relaxed);
    }

    pub(super) fn take_earned(&self) -> u64 {
        self.earned.swap(0, Relaxed)
    }

    /// So many streams have not left.
    pub(super) fn set_streams(&self, streams: usize) {
        let before = self.streams.swap(streams as u32, Relaxed);
        if before > 0 && streams == 0 {
            self.idle_since.store(self.now(), Relaxed);
        }
    }

    /// Bytes came: of a head, where nothing is in flight.
    pub(super) fn read(&self) {
        if self.is_idle() && self.head_since.load(Relaxed) == NEVER {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// A head has begun, and may not end soon.
    pub(super) fn head_began(&self) {
        self.head_since.store(self.now(), Relaxed);
    }

    pub(super) fn head_ended(&self) {
        self.head_since.store(NEVER, Relaxed);
        self.idle_since.store(self.now(), Relaxed);
    }

    /// The client took bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        if self.blocked_since.load(Relaxed) != NEVER {
            self.read_since.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// Whether hyper has handed over all there is, and something of it waits for the client.
    fn is_handed_over(&self) -> bool {
        self.in_flight.load(Acquire) == 0 && self.streams.load(Relaxed) > 0
    }

    /// Notes if all that is left waits for the client. Only who serves the connection may: it also
    /// notes what leaves.
    pub(super) fn note_handed_over(&self) {
        if self.is_handed_over() {
            self.blocked();
        }
    }

    /// The client took all.
    pub(super) fn flushed(&self) {
        if self.is_handed_over() {
            return;
        }
        if self.blocked_since.load(Relaxed) != NEVER {
            self.blocked_since.store(NEVER, Relaxed);
            self.idle_since.store(self.now(), Relaxed);
        }
        if self.in_flight.load(Acquire) == 0 && self.is_answering() {
            self.idle_since.store(self.now(), Relaxed);
            self.is_answering.store(false, Relaxed);
        }
    }

    /// Whether what is written belongs to a request.
    pub(super) fn is_answering(&self) -> bool {
        self.is_answering.load(Relaxed)
    }

    /// Whether nothing is in flight, to the last byte that leaves.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Acquire) == 0 && !self.is_answering() && self.streams.load(Relaxed) == 0
    }

    /// The client takes no more for now.
    pub(super) fn blocked(&self) {
        if self.blocked_since.load(Relaxed) == NEVER {
            self.read_since.store(0, Relaxed);
            self.blocked_since.store(self.now(), Relaxed);
        }
    }

    pub(super) const fn accepted(&self) -> Instant {
        self.accepted
    }

    /// It ends as soon as nothing is in flight. Returns `false` if it was to already.
    pub(super) fn close(&self) -> bool {
        let was_closing = self.is_marked_closing();
        if !was_closing {
            self.closing_since.store(self.now(), Relaxed);
            self.ending_since.store(self.now(), Relaxed);
        }
        !was_closing
    }

    pub(super) fn is_marked_closing(&self) -> bool {
        self.closing_since.load(Relaxed) != NEVER
    }

    /// It is no HTTP any more.
    pub(super) fn upgrade(&self) {
        self.is_upgraded.store(true, Release);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Acquire)
    }

    /// Whether a client is to be told that the connection closes after the answer.
    pub(super) fn is_closing(&self) -> bool {
        self.stage() >= Stage::Grace || self.is_marked_closing()
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::from_u8(self.stage.load(Acquire))
    }

    /// Tells the tasks of the connection.
    pub(super) fn enter(&self, stage: Stage) {
        if stage == Stage::Draining {
            self.ending_since.store(self.now(), Relaxed);
        }
        self.stage.store(stage as u8, Release);
        for waker in [&self.driver, &self.reader, &self.writer] {
            waker.wake();
        }
    }

    /// Waits for a stage.
    pub(super) fn poll_stage(&self, stage: Stage, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        if self.stage() >= stage {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns since when nothing is in flight, if nothing is and it is not to end anyway.
    pub(super) fn evictable_since(&self) -> Option<Instant> {
        let is_evictable = self.is_idle() && !self.is_upgraded() && !self.is_evicted.load(Relaxed);
        is_evictable.then(|| self.at(self.idle_since.load(Relaxed)))
    }

    /// Closes the connection, if still nothing is in flight.
    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Release);
        self.driver.wake();
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

    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.load(Acquire) && self.is_idle()
    }

    /// Whether an upgraded connection is cut.
    pub(super) fn is_cut(&self, side: Side, cx: &Context<'_>) -> bool {
        match side {
            Side::Reader => self.reader.register(cx.waker()),
            Side::Writer => self.writer.register(cx.waker()),
        }
        self.is_cut_now()
    }

    pub(super) fn is_cut_now(&self) -> bool {
        self.stage() == Stage::Cut
    }

    /// Returns what would close the connection next, and when.
    pub(super) fn due(&self, limits: &Limits) -> Option<(Instant, Why)> {
        let after = |since: &AtomicU64, limit, why| match since.load(Relaxed) {
            NEVER => None,
            since => Some((self.at(since).checked_add(limit)?, why)),
        };
        let is_idle = self.is_idle() && self.blocked_since.load(Relaxed) == NEVER;
        let idle = || Some((self.idle_until(limits)?, Why::Idle));
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

    fn aged(&self, limits: &Limits) -> Option<(Instant, Why)> {
        let limit = match self.closing_since.load(Relaxed) {
            NEVER => limits.age?,
            since => Duration::from_nanos(since) + limits.age_grace,
        };
        Some((self.accepted.checked_add(limit)?, Why::Age))
    }

    /// Until when nothing may be asked. Who is to end has a little time to be asked for the last time.
    fn idle_until(&self, limits: &Limits) -> Option<Instant> {
        let idle_since = self.idle_since.load(Relaxed);
        let (since, limit) = match self.ending_since.load(Relaxed) {
            NEVER => (idle_since, limits.idle),
            ending => (idle_since.max(ending), limits.idle.min(CLOSING)),
        };
        self.at(since).checked_add(limit)
    }

    fn now(&self) -> u64 {
        self.accepted.elapsed().as_nanos() as u64
    }

    fn at(&self, nanos: u64) -> Instant {
        self.accepted + Duration::from_nanos(nanos)
    }
}

// ===== impl InFlight =====

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Release);
        if self.0.is_handed_over() {
            self.0.driver.wake();
        }
    }
}

const NEVER: u64 = u64::MAX;

/// Control frames that come with a request: settings, windows, a ping.
const FOR_A_REQUEST: u64 = 20;

/// With a piece of a response: a PING, and a WINDOW_UPDATE for the stream and for the connection.
const FOR_A_PIECE: u64 = 12;
