mod writer;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    OnFull,
    pending::{Pending, What},
};

/// Events that are to be written, of which there are so many at most.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to do for the writer.
    work: Condvar,
    /// Something was written, or nobody writes any more.
    progress: Notify,
    /// There is a place, for one who waits for it.
    places: Notify,
    pub(super) capacity: usize,
    pub(super) on_full: OnFull,
    pub(super) dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Pending>,
    /// Those that the writer has.
    writing: usize,
    /// For exchanges that were admitted, and have not ended.
    reserved: usize,
    seq: u64,
    /// How many were accepted, and how many of them are done with.
    accepted: u64,
    done: u64,
    /// Of those, how many were lost.
    lost: u64,
    is_failing: bool,
    /// No more are accepted.
    is_closed: bool,
    /// The writer does not try again.
    is_given_up: bool,
    is_gone: bool,
    wants_reopen: bool,
    wants_retry: bool,
}

/// Which events may wait, however many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Of requests that were refused above all limits. They leave half of the queue to the others.
    Unlimited,
    /// Of requests for which a place may have been kept.
    Limited,
    /// Of the server itself.
    Own,
}

/// A place for the event of an exchange. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Place(Arc<Queue>);

/// What the writer is to do.
#[derive(Debug)]
pub(super) enum Work {
    Write(Vec<Pending>),
    Reopen,
    Close,
}

// ===== impl Queue =====

impl Queue {
    pub(super) fn new(capacity: usize, on_full: OnFull) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Notify::new(),
            places: Notify::new(),
            capacity,
            on_full,
            dropped: AtomicU64::new(0),
        }
    }

    /// Adds an event, if there is a place. Never waits.
    pub(super) fn push(&self, at: Duration, rank: Rank, what: What) -> bool {
        let mut state = self.lock();
        state.seq += 1;
        if state.is_closed || !self.has_place(&state, rank) {
            drop(state);
            self.dropped.fetch_add(1, Relaxed);
            return false;
        }
        let seq = state.seq;
        state.accepted += 1;
        state.waiting.push_back(Pending { seq, at, what });
        drop(state);
        self.work.notify_one();
        true
    }

    fn has_place(&self, state: &State, rank: Rank) -> bool {
        let len = state.waiting.len() + state.writing;
        match (rank, self.on_full) {
            (Rank::Unlimited, _) => len + state.reserved < self.capacity.div_ceil(2),
            (Rank::Limited, OnFull::Drop) => len < self.capacity,
            (Rank::Own, OnFull::Drop) => len < self.capacity + EXTRA,
            // However many there are, they take no place that was kept.
            (Rank::Own, _) => len + state.reserved < self.capacity + EXTRA,
            // A place that was kept is given back just before its event comes.
            (Rank::Limited, _) => len < self.capacity + 2 * EXTRA,
        }
    }

    /// Keeps a place for an event that is still to come.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        let len = state.waiting.len() + state.writing + state.reserved;
        let is_down = state.is_closed || state.is_gone;
        let is_refused = is_down || (state.is_failing && self.on_full == OnFull::FailClosed);
        if is_refused || len >= self.capacity {
            return None;
        }
        state.reserved += 1;
        Some(Place(Arc::clone(self)))
    }

    /// Waits for a place. None if there never will be one.
    pub(super) async fn reserved(self: Arc<Self>) -> Option<Place> {
        loop {
            let freed = self.places.notified();
            if let Some(place) = self.reserve() {
                return Some(place);
            }
            if self.is_closed() {
                return None;
            }
            freed.await;
        }
    }

    /// Returns how many were accepted and lost: there is no writer any more, or it has given up.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Returns how many had no place.
    pub(super) fn refused(&self) -> u64 {
        let state = self.lock();
        self.dropped.load(Relaxed) - state.lost
    }

    /// Waits until all is written or lost that was accepted before.
    pub(super) async fn flushed(&self) {
        let accepted = self.nudge();
        loop {
            let progress = self.progress.notified();
            if self.lock().done >= accepted {
                return;
            }
            progress.await;
        }
    }

    /// Waits until the writer is gone.
    pub(super) async fn ended(&self) {
        loop {
            let progress = self.progress.notified();
            if self.lock().is_gone {
                return;
            }
            progress.await;
        }
    }

    /// Lets the writer try again at once. Returns how many events were accepted so far.
    fn nudge(&self) -> u64 {
        let mut state = self.lock();
        state.wants_retry = true;
        self.work.notify_all();
        state.accepted
    }

    pub(super) fn reopen(&self) {
        self.lock().wants_reopen = true;
        self.work.notify_all();
    }

    /// Accepts no more. What waits is still written; once, if it is given up.
    pub(super) fn close(&self, is_given_up: bool) {
        let mut state = self.lock();
        state.is_closed = true;
        state.is_given_up |= is_given_up;
        state.wants_retry = true;
        drop(state);
        self.work.notify_all();
        self.tell();
    }

    /// Returns `true` if no more are accepted: nothing will ever have a place.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Returns how many wait, those that are being written with them.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.writing
    }

    fn tell(&self) {
        self.progress.notify_waiters();
        self.places.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Place =====

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().reserved -= 1;
        self.0.places.notify_one();
    }
}

/// Besides the capacity, for events of the server, and once more for exchanges whose place was given back:
/// more than this do not end in the same microsecond.
const EXTRA: usize = 256;
