//! What finished exchanges are handed to.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use opentelemetry_sdk::trace::SpanProcessor;

use crate::{KnownMethods, pipeline::Queue, record::Record, span::Spans, span_queue::Waiting};

/// Hands records over, without waiting.
#[derive(Clone, Debug)]
pub(crate) struct Worker(To);

#[derive(Clone, Debug)]
enum To {
    /// To be exported.
    Queue(Queue<Waiting>),
    /// To a processor of the application.
    Processor(Processing),
}

/// A thread that makes spans of records.
#[derive(Clone)]
struct Processing {
    queue: SyncSender<Work>,
    has_warned: Arc<AtomicBool>,
}

enum Work {
    End(Box<Record>),
    Flush(Sender<()>),
}

// ===== impl Worker =====

impl Worker {
    /// Creates a worker that exports.
    pub(crate) const fn exporting(queue: Queue<Waiting>) -> Self {
        Self(To::Queue(queue))
    }

    /// Starts a thread for a processor. It ends when all workers are gone.
    pub(crate) fn spawn(processor: impl SpanProcessor + 'static) -> Self {
        Self(To::Processor(Processing::spawn(processor)))
    }

    /// Hands a record over. Where there is no place for it, it is dropped: telemetry must not slow
    /// requests.
    pub(crate) fn end(&self, record: Box<Record>) {
        match &self.0 {
            To::Queue(queue) => {
                let bytes = record.bytes();
                queue.push(Waiting::Edge(record), bytes);
            }
            To::Processor(processing) => processing.end(record),
        }
    }

    /// Waits until everything that was handed over is processed, or exported.
    pub(crate) fn flush(&self) {
        match &self.0 {
            To::Queue(queue) => drop(queue.flush(LIMIT)),
            To::Processor(processing) => processing.flush(),
        }
    }
}

// ===== impl Processing =====

impl Processing {
    fn spawn(processor: impl SpanProcessor + 'static) -> Self {
        let (queue, work) = sync_channel(QUEUE);
        let run = move || run(&work, &processor);
        let spawned = thread::Builder::new().name("portcullis-spans".to_owned());
        if let Err(error) = spawned.spawn(run) {
            tracing::error!(target: "portcullis", %error, "no thread for spans: none is exported");
        }
        Self {
            queue,
            has_warned: Arc::default(),
        }
    }

    fn end(&self, record: Box<Record>) {
        let sent = self.queue.try_send(Work::End(record));
        if matches!(sent, Err(TrySendError::Full(_)))
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(target: "portcullis", "spans end faster than they are processed; some are dropped");
        }
    }

    fn flush(&self) {
        let (done, is_done) = channel();
        if self.queue.send(Work::Flush(done)).is_ok() {
            // An error means that the thread is gone, and so is its work.
            let _ = is_done.recv();
        }
    }
}

impl fmt::Debug for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processing").finish_non_exhaustive()
    }
}

fn run(work: &Receiver<Work>, processor: &impl SpanProcessor) {
    let spans = Spans::new(KnownMethods::default());
    for work in work {
        match work {
            Work::End(record) => processor.on_end(spans.build(&record)),
            // Whoever waited may have given up.
            Work::Flush(done) => drop(done.send(())),
        }
    }
}

/// As many as the SDK's own queue holds.
const QUEUE: usize = 2048;

/// For a flush that exports.
const LIMIT: Duration = Duration::from_secs(30);
