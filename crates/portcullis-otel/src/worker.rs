//! A thread that makes spans of records.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanProcessor;

use crate::{record::Record, span};

/// Hands records over, without waiting.
#[derive(Clone)]
pub(crate) struct Worker {
    queue: SyncSender<Work>,
    has_warned: Arc<AtomicBool>,
}

enum Work {
    End(Box<Record>),
    Flush(Sender<()>),
}

// ===== impl Worker =====

impl Worker {
    /// Starts the thread. It ends when all workers are gone.
    pub(crate) fn spawn(processor: impl SpanProcessor + 'static) -> Self {
        let (queue, work) = sync_channel(QUEUE);
        let run = move || run(&work, &processor);
        let spawned = thread::Builder::new().name("portcullis-otel".to_owned());
        if let Err(error) = spawned.spawn(run) {
            tracing::error!(target: "portcullis", %error, "no thread for spans: none is exported");
        }
        Self {
            queue,
            has_warned: Arc::default(),
        }
    }

    /// Hands a record over. When the queue is full it is dropped: telemetry must not slow requests.
    pub(crate) fn end(&self, record: Box<Record>) {
        let sent = self.queue.try_send(Work::End(record));
        if matches!(sent, Err(TrySendError::Full(_)))
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(target: "portcullis", "spans end faster than they are processed; some are dropped");
        }
    }

    /// Waits until everything that was handed over is processed.
    pub(crate) fn flush(&self) {
        let (done, is_done) = channel();
        if self.queue.send(Work::Flush(done)).is_ok() {
            // An error means that the thread is gone, and so is its work.
            let _ = is_done.recv();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

fn run(work: &Receiver<Work>, processor: &impl SpanProcessor) {
    let version = env!("CARGO_PKG_VERSION");
    let scope = InstrumentationScope::builder("portcullis").with_version(version);
    let scope = scope.build();
    for work in work {
        match work {
            Work::End(record) => processor.on_end(span::build(&record, &scope)),
            // Whoever waited may have given up.
            Work::Flush(done) => drop(done.send(())),
        }
    }
}

/// As many as the SDK's own queue holds.
const QUEUE: usize = 2048;
