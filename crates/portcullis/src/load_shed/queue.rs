//! Who waits for a place, for a few milliseconds.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use portcullis_core::guard::Permit;
use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    time::{Instant, timeout},
};

use super::shared::Shared;

/// Requests that wait. The last is served first: it has the most time left, and its client is there.
pub(super) struct Queue {
    most: usize,
    waiting: Mutex<Waiting>,
    /// How many wait, for who gives a place back.
    length: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    /// The oldest first.
    all: VecDeque<Waiter>,
    /// Since when it was not emptied by serving it.
    since: Option<Instant>,
    last: Option<Instant>,
}

struct Waiter {
    partition: usize,
    place: Sender<Permit>,
}

// ===== impl Queue =====

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            waiting: Mutex::default(),
            length: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(super) const fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Returns `true` if nobody waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.length.load(SeqCst) == 0
    }

    /// Lets a request wait. Where the queue is full the oldest leaves it. Returns where its place will
    /// come from, and how long to wait.
    fn push(&self, partition: usize) -> (Receiver<Permit>, Duration) {
        let (place, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        let now = Instant::now();
        waiting.forget_gone(now);
        waiting.last = Some(now);
        let since = *waiting.since.get_or_insert(now);
        if waiting.all.len() >= self.most {
            waiting.all.pop_front();
        }
        waiting.all.push_back(Waiter { partition, place });
        self.length.store(waiting.all.len(), SeqCst);
        let is_standing = now.saturating_duration_since(since) >= STANDING;
        (receiver, if is_standing { SHORT } else { LONGEST })
    }

    /// Takes out the last who still waits and for whom there is a place. A queue that empties so does
    /// not stand.
    fn pop(&self, takes_place: impl Fn(usize) -> bool) -> Option<Waiter> {
        let mut waiting = self.lock();
        waiting.all.retain(|waiter| !waiter.place.is_closed());
        let last = waiting
            .all
            .iter()
            .rposition(|waiter| takes_place(waiter.partition));
        let last = last.and_then(|at| waiting.all.remove(at));
        if last.is_some() && waiting.all.is_empty() {
            waiting.since = None;
        }
        self.length.store(waiting.all.len(), SeqCst);
        last
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Waiting =====

impl Waiting {
    /// Drops who is gone. They are the oldest, but for those whose clients went away.
    fn forget_gone(&mut self, now: Instant) {
        while self
            .all
            .front()
            .is_some_and(|first| first.place.is_closed())
        {
            self.all.pop_front();
        }
        let last = self.last.unwrap_or(now);
        if self.all.is_empty() && now.saturating_duration_since(last) >= STANDING {
            self.since = None;
        }
    }
}

// ===== impl Shared =====

impl Shared {
    /// Waits for a place.
    pub(super) async fn wait(self: Arc<Self>, partition: usize) -> Option<Permit> {
        let (place, longest) = self.queue.push(partition);
        // One may have come back before.
        self.hand_over();
        timeout(longest, place).await.ok()?.ok()
    }

    /// Hands free places to who waits.
    pub(super) fn hand_over(self: &Arc<Self>) {
        while let Some(waiter) = self.queue.pop(|partition| self.take(partition)) {
            let place = Permit::new(Arc::clone(self), [waiter.partition as u64, self.now()]);
            if let Err(place) = waiter.place.send(place) {
                // Gone just now. Dropped, the place goes to the next.
                return drop(place);
            }
        }
    }
}

/// Nobody waits longer.
pub(super) const LONGEST: Duration = Duration::from_millis(5);

/// Nor longer than this in a queue that stands: it is no burst.
const SHORT: Duration = Duration::from_millis(1);

/// A queue stands that was not empty for this long, as in CoDel (RFC 8289, section 4.2).
const STANDING: Duration = Duration::from_millis(100);
