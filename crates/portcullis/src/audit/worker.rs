use std::{io, sync::Arc, thread, time::Duration};

use portcullis_core::observe::Escaped;
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
    /// Dropped last: whoever is told that the log has ended may open its file.
    _end: End,
}

struct End(Arc<Queue>);

// ===== impl Worker =====

/// Starts a thread that writes what is in a queue.
pub(super) fn start(queue: Arc<Queue>, sink: Box<dyn EventSink>) -> io::Result<()> {
    let worker = Worker {
        _end: End(Arc::clone(&queue)),
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
        let mut is_told = false;
        while let Err(error) = self.sink.write(&events) {
            is_told |= self.warn(&error);
            if !self.queue.on_failed(RETRY_AFTER) {
                return self.queue.on_lost();
            }
            if self.queue.takes_reopen() {
                self.reopen();
            }
        }
        self.queue.on_written();
        if is_told {
            tracing::info!(target: "portcullis", "audit events are written again");
        }
    }

    fn reopen(&mut self) {
        if let Err(error) = self.sink.reopen() {
            tracing::error!(target: "portcullis", %error, "an audit log could not be opened anew");
        }
    }

    /// Returns `true` if it is logged.
    fn warn(&self, error: &io::Error) -> bool {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let turn = self.failures.turn(now);
        if let Some(others) = turn {
            let error = Escaped::new(error);
            tracing::error!(target: "portcullis", %error, others, "audit events can't be written");
        }
        turn.is_some()
    }
}

// ===== impl End =====

/// Also where a sink panics.
impl Drop for End {
    fn drop(&mut self) {
        self.0.on_gone();
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use portcullis_test::logged;

    use super::*;
    use crate::audit::{Event, OnFull, pending::What, queue::Rank};

    #[tokio::test]
    async fn that_events_are_written_again_is_logged() {
        struct FailsOnce(bool);

        impl EventSink for FailsOnce {
            fn write(&mut self, _: &[AuditEvent]) -> io::Result<()> {
                if std::mem::take(&mut self.0) {
                    return Err(io::Error::other("the disk is full"));
                }
                Ok(())
            }
        }

        let queue = Arc::new(Queue::new(9, OnFull::Drop));
        queue.push(
            Duration::ZERO,
            Rank::Own,
            What::Changed(Event::reloaded("a")),
        );
        queue.close(false);
        let worker = Worker {
            _end: End(Arc::clone(&queue)),
            queue,
            sink: Box::new(FailsOnce(true)),
            began: Instant::now(),
            failures: FirstOfMinute::default(),
        };
        let (lines, ()) = logged(async { worker.run() }).await;

        let failed = lines.find("audit events can't be written").unwrap();
        assert!(
            lines[failed..].contains("audit events are written again"),
            "{lines}"
        );
    }
}
