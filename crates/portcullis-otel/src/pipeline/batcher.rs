use std::{
    mem,
    sync::{Arc, mpsc::Sender},
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, error::TryRecvError},
    time::timeout,
};

use super::{
    Reason, Stop,
    queue::{Entry, Shared},
    room::Place,
};
use crate::export::Exporter;

/// Encodes a batch as one message.
pub(crate) trait Encode<T>: Send + 'static {
    /// Returns the message.
    fn encode(&self, batch: Vec<T>) -> Vec<u8>;
}

/// The task of a queue: takes records out of it and sends them, one batch after the other.
pub(super) struct Batcher<T, E> {
    receiver: UnboundedReceiver<Entry<T>>,
    shared: Arc<Shared>,
    stop: Stop,
    encode: E,
    exporter: Exporter,
    batch: Vec<T>,
    /// Those of the batch: what is being sent is still in memory.
    places: Vec<Place>,
    /// Who waits for a flush: until what was before it is sent, or counted.
    waiting: Vec<Sender<()>>,
}

// ===== impl Batcher =====

impl<T: Send + 'static, E: Encode<T>> Batcher<T, E> {
    pub(super) const fn new(
        receiver: UnboundedReceiver<Entry<T>>,
        shared: Arc<Shared>,
        stop: Stop,
        encode: E,
        exporter: Exporter,
    ) -> Self {
        Self {
            receiver,
            shared,
            stop,
            encode,
            exporter,
            batch: Vec::new(),
            places: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Sends what comes, until the stop or until nobody is left who could put something in.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.has_come() => {}
            () = self.send_all() => {}
        }
        self.leave();
    }

    async fn send_all(&mut self) {
        let delay = self.shared.batching.delay;
        loop {
            // Whichever it is that comes first, it is time to send.
            let _ = timeout(delay, self.shared.wake.notified()).await;
            if self.send_what_is_there().await.is_none() {
                return;
            }
        }
    }

    /// Returns nothing when nothing will come any more.
    async fn send_what_is_there(&mut self) -> Option<()> {
        loop {
            match self.receiver.try_recv() {
                Ok(Entry::Record(record, place)) => {
                    self.batch.push(record);
                    self.places.push(place);
                    if self.batch.len() >= self.shared.batching.batch {
                        self.send_batch().await;
                    }
                }
                Ok(Entry::Flush(done)) => {
                    self.waiting.push(done);
                    self.send_batch().await;
                    self.waiting.clear();
                }
                Err(TryRecvError::Empty) => {
                    self.send_batch().await;
                    return Some(());
                }
                Err(TryRecvError::Disconnected) => {
                    self.send_batch().await;
                    return None;
                }
            }
        }
    }

    /// If it is cut short by the stop, its places are still there to be counted.
    async fn send_batch(&mut self) {
        if self.places.is_empty() {
            return;
        }
        let message = self.encode.encode(mem::take(&mut self.batch));
        let answer = self.exporter.send(message).await;
        self.shared.log.note(Some(answer), self.places.len() as u64);
        self.places.clear();
    }

    /// Counts what is left.
    fn leave(mut self) {
        self.receiver.close();
        let mut left = self.places.len() as u64;
        while let Ok(entry) = self.receiver.try_recv() {
            left += u64::from(matches!(entry, Entry::Record(..)));
        }
        self.shared.log.lose(Reason::Shutdown, left);
    }
}
