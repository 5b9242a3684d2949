use std::{
    fmt,
    sync::{Arc, mpsc as sync},
    time::Duration,
};

use tokio::sync::{
    Notify,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    Log, Reason, Runner,
    batcher::{Batcher, Encode},
    room::{Place, Room},
};
use crate::{export::Exporter, telemetry::Batching};

/// Records of one signal that wait to be sent. A clone is a handle to the same queue.
///
/// To put a record in it never waits: where it finds no place it is dropped, and counted.
pub(crate) struct Queue<T> {
    sender: UnboundedSender<Entry<T>>,
    shared: Arc<Shared>,
    /// Its thread runs as long as there is a queue.
    runner: Runner,
}

/// What stands in the queue.
pub(super) enum Entry<T> {
    Record(T, Place),
    /// Everything before it is sent at once; then it is dropped.
    Flush(sync::Sender<()>),
}

/// What a queue and its task share.
#[derive(Debug)]
pub(super) struct Shared {
    room: Arc<Room>,
    pub(super) batching: Batching,
    pub(super) log: Log,
    pub(super) wake: Notify,
}

// ===== impl Queue =====

impl<T: Send + 'static> Queue<T> {
    /// Starts a queue, with its task on the runner's thread.
    pub(crate) fn start(
        runner: &Runner,
        encode: impl Encode<T>,
        exporter: Exporter,
        log: Log,
        batching: Batching,
        bytes: usize,
    ) -> Self {
        let (queue, receiver) = Self::new(runner, log, batching, bytes);
        let shared = Arc::clone(&queue.shared);
        let stop = runner.stop.clone();
        runner.run(Batcher::new(receiver, shared, stop, encode, exporter).run());
        queue
    }

    fn new(
        runner: &Runner,
        log: Log,
        batching: Batching,
        bytes: usize,
    ) -> (Self, UnboundedReceiver<Entry<T>>) {
        let (sender, receiver) = unbounded_channel();
        let shared = Shared {
            room: Arc::new(Room::new(batching.queue, bytes)),
            batching,
            log,
            wake: Notify::new(),
        };
        let shared = Arc::new(shared);
        let queue = Self {
            sender,
            shared,
            runner: runner.clone(),
        };
        (queue, receiver)
    }

    /// Puts a record in the queue. `bytes` is what it holds in memory, about.
    pub(crate) fn push(&self, record: T, bytes: usize) {
        let Some((place, count)) = self.shared.room.take(bytes) else {
            self.shared.log.full();
            return;
        };
        if self.sender.send(Entry::Record(record, place)).is_err() {
            self.shared.log.lose(Reason::Shutdown, 1);
            return;
        }
        // Less than a batch is sent when its time has come.
        if count.is_multiple_of(self.shared.batching.batch) {
            self.shared.wake.notify_one();
        }
    }

    /// Sends what is there, and waits for it, so long at most. Returns whether it was all sent, or
    /// lost.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let is_done = self.begin_flush();
        // Nothing is sent: the entry is dropped.
        !matches!(
            is_done.recv_timeout(limit),
            Err(sync::RecvTimeoutError::Timeout)
        )
    }

    /// Sends what is there. What is returned ends when that is done.
    pub(crate) fn begin_flush(&self) -> sync::Receiver<()> {
        let (done, is_done) = sync::channel();
        // An error means that the task has ended, and all that was there is lost and counted.
        let _ = self.sender.send(Entry::Flush(done));
        self.shared.wake.notify_one();
        is_done
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.shared.room.bytes()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            shared: Arc::clone(&self.shared),
            runner: self.runner.clone(),
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.shared).finish()
    }
}
