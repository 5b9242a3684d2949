//! What happens on a connection, as far as its limits need to know.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll},
    time::Duration,
};

use atomic_waker::AtomicWaker;
use portcullis_core::observe::Upgraded;
use tokio::time::Instant;

use super::{evict::EVICTED, shutdown::Stage, version::Version};

/// What happens on a connection. Times are nanoseconds since it was accepted.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) accepted: Instant,
    stage: AtomicU8,
    /// How many requests, or [`EVICTED`].
    pub(super) in_flight: AtomicU32,
    /// Since when nothing is in flight.
    pub(super) idle_since: AtomicU64,
    /// Of HTTP/2, whose response has not left.
    streams: AtomicU32,
    /// What the client may send for the work that is done for it.
    earned: AtomicU64,
    /// Since when it is to end: the server drains, or the connection is old.
    pub(super) ending_since: AtomicU64,
    /// Since when a head is awaited that isn't whole, or [`NEVER`].
    pub(super) head_since: AtomicU64,
    /// Since when the client doesn't read all that is written, or [`NEVER`].
    pub(super) blocked_since: AtomicU64,
    /// What it read since then.
    pub(super) read_since: AtomicU64,
    /// Of HTTP/1: a request came whose response isn't flushed.
    is_answering: AtomicBool,
    /// It ends as soon as nothing is in flight.
    pub(super) closing_since: AtomicU64,
    pub(super) is_upgraded: AtomicBool,
    /// Exchanges that last as long as what the connection was upgraded to.
    pub(super) watched: Mutex<Option<Upgraded>>,
    /// What its client has not read is discarded when it closes.
    is_discarded: AtomicBool,
    /// Who serves it; or, when it is upgraded, who reads and who writes.
    pub(super) driver: AtomicWaker,
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
}

/// A request that is served. It ends with the last byte of its response.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

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
            watched: Mutex::new(None),
            is_discarded: AtomicBool::new(false),
            driver: AtomicWaker::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    /// A request's head is whole. `None` if it came too late: the connection makes room for another.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> Option<InFlight> {
        if self.in_flight.fetch_add(1, AcqRel) & EVICTED != 0 {
            self.in_flight.fetch_sub(1, Release);
            return None;
        }
        match version {
            // Of HTTP/2 another may have begun behind it.
            Version::Http1 => {
                self.head_since.store(NEVER, Relaxed);
                self.is_answering.store(true, Relaxed);
            }
            Version::Http2 => _ = self.earned.fetch_add(FOR_A_REQUEST, Relaxed),
        }
        Some(InFlight(Arc::clone(self)))
    }

    fn has_none_in_flight(&self) -> bool {
        self.in_flight.load(Acquire) & !EVICTED == 0
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
        if self.head_since.load(Relaxed) == NEVER && self.is_idle() {
            self.head_since.store(JUST_NOW, Relaxed);
        }
    }

    /// Looks at the clock, where a head has begun and hyper found no end. Most come whole.
    pub(super) fn note_head(&self) {
        if self.head_since.load(Relaxed) == JUST_NOW {
            self.head_began();
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
        self.has_none_in_flight() && self.streams.load(Relaxed) > 0
    }

    /// Notes if all that is left waits for the client. Only who serves the connection may: it also
    /// notes what leaves.
    pub(super) fn note_handed_over(&self) {
        if self.is_handed_over() {
            self.blocked();
        }
    }

    /// The client took all. Returns `true` if that ended a response of HTTP/1.
    pub(super) fn flushed(&self) -> bool {
        if self.is_handed_over() {
            return false;
        }
        if self.blocked_since.load(Relaxed) != NEVER {
            self.blocked_since.store(NEVER, Relaxed);
            self.idle_since.store(self.now(), Relaxed);
        }
        let is_answered = self.has_none_in_flight() && self.is_answering();
        if is_answered {
            self.idle_since.store(self.now(), Relaxed);
            self.is_answering.store(false, Relaxed);
        }
        is_answered
    }

    /// Whether what is written belongs to a request.
    pub(super) fn is_answering(&self) -> bool {
        self.is_answering.load(Relaxed)
    }

    /// Whether nothing is in flight, to the last byte that leaves.
    pub(super) fn is_idle(&self) -> bool {
        self.has_none_in_flight() && !self.is_answering() && self.streams.load(Relaxed) == 0
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

    /// Whether a client is to be told that the connection closes after the answer.
    pub(super) fn is_closing(&self) -> bool {
        self.stage() >= Stage::Grace || self.is_marked_closing()
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::from_u8(self.stage.load(Acquire))
    }

    /// Enters a stage, and wakes the tasks of the connection.
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

    pub(super) fn discard(&self) {
        self.is_discarded.store(true, Relaxed);
    }

    pub(super) fn is_discarded(&self) -> bool {
        self.is_discarded.load(Relaxed)
    }

    pub(super) fn now(&self) -> u64 {
        self.accepted.elapsed().as_nanos() as u64
    }

    pub(super) fn at(&self, nanos: u64) -> Instant {
        self.accepted + Duration::from_nanos(nanos)
    }
}

// ===== impl InFlight =====

impl Drop for InFlight {
    fn drop(&mut self) {
        // Of HTTP/1 the time counts from the last byte that leaves.
        if !self.0.is_answering() {
            self.0.idle_since.store(self.0.now(), Relaxed);
        }
        self.0.in_flight.fetch_sub(1, Release);
        if self.0.is_handed_over() {
            self.0.driver.wake();
        }
    }
}

pub(super) const NEVER: u64 = u64::MAX;

/// In place of a time that nobody has looked at.
const JUST_NOW: u64 = NEVER - 1;

/// Control frames that come with a request: settings, windows, a ping.
const FOR_A_REQUEST: u64 = 20;

/// With a piece of a response: a PING, and a WINDOW_UPDATE for the stream and for the connection.
const FOR_A_PIECE: u64 = 12;
