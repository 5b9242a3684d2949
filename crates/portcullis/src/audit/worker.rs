use std::{io, sync::Arc, thread, time::Duration};

use tokio::time::Instant;

use super::{
    AuditEvent, EventSink,
    pending::Pending,
    queue::{Queue, Work},
};
use crate::first_of_minute::FirstOfMinute;

/// Writes events, on a thread of its own, until nobody has the queue any more.
struct Worker {
    queue: Arc<Queue>,
    sink: Box<dyn EventSink>,
    began: Instant,
    failures: FirstOfMinute,
}

// ===== impl Worker =====

/// Starts a thread that writes what is in a queue.
pub(super) fn start(queue: Arc<Queue>, sink: Box<dyn EventSink>) -> io::Result<()> {
    let worker = Worker {
        queue,
        sink,
        began: Instant::now(),
        failures: FirstOfMinute::default(),
    };
    let named = thread::Builder::new().name("portcullis-audit".to_owned());
    named.spawn(move || worker.run()).map(drop)
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.queue.next() {
                Work::Write(pending) => self.write(&pending),
                Work::Reopen => self.reopen(),
                Work::Close => break,
            }
        }
        if let Err(error) = self.sink.close() {
            self.warn(&error);
        }
    }

    fn write(&mut self, pending: &[Pending]) {
        let events: Vec<AuditEvent> = pending.iter().map(Pending::to_event).collect();
        while let Err(error) = self.sink.write(&events) {
            self.warn(&error);
            if !self.queue.on_failed(RETRY_AFTER) {
                return self.queue.on_lost();
            }
            if self.queue.takes_reopen() {
                self.reopen();
            }
        }
        self.queue.on_written();
    }

    fn reopen(&mut self) {
        if let Err(error) = self.sink.reopen() {
            tracing::error!(target: "portcullis", %error, "an audit log could not be opened anew");
        }
    }

    fn warn(&self, error: &io::Error) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(others) = self.failures.turn(now) {
            tracing::error!(target: "portcullis", %error, others, "audit events can't be written");
        }
    }
}

/// Also where a sink panics.
impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.on_gone();
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(1);
