use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use portcullis_core::{ConfigError, Count, Counts};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::ErrorReport;
use crate::first_of_minute::FirstOfMinute;

/// Hands reports to a function, on a thread of its own.
pub(super) struct Reporter {
    queue: SyncSender<ErrorReport>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
pub(super) struct Progress {
    accepted: AtomicU64,
    done: AtomicU64,
    dropped: AtomicU64,
    told: Notify,
}

/// Notes a report as done, also where the function panics.
struct Done<'p>(&'p Progress);

// ===== impl Reporter =====

impl Reporter {
    /// Starts the thread. It ends when nobody has the reporter any more.
    pub(super) fn start(
        report: impl FnMut(&ErrorReport) + Send + 'static,
    ) -> Result<Self, ConfigError> {
        let (queue, reports) = sync_channel(QUEUE);
        let progress = Arc::new(Progress::default());
        let of_thread = Arc::clone(&progress);
        let named = thread::Builder::new().name("portcullis-errors".to_owned());
        let started = named.spawn(move || run(&reports, &of_thread, report));
        started.map_err(|error| ConfigError::new(format!("error reports: no thread: {error}")))?;
        Ok(Self { queue, progress })
    }

    /// Hands a report over. Never waits: where there is no place it is dropped, and counted.
    pub(super) fn push(&self, report: ErrorReport) {
        self.progress.accepted.fetch_add(1, AcqRel);
        if self.queue.try_send(report).is_err() {
            self.progress.dropped.fetch_add(1, Relaxed);
            self.progress.finish();
        }
    }

    /// Waits until all is reported that was handed over before. Returns `false` if that takes too long.
    pub(super) async fn flush(&self, limit: Duration) -> bool {
        let flushed = self.flushed();
        timeout_at(Instant::now() + limit, flushed).await.is_ok()
    }

    /// Waits until all is reported that was handed over before the first poll.
    pub(super) fn flushed(&self) -> impl Future<Output = ()> + Send + use<> {
        let progress = Arc::clone(&self.progress);
        async move {
            let accepted = progress.accepted.load(Acquire);
            progress.reached(accepted).await;
        }
    }

    pub(super) fn counts(&self) -> Arc<dyn Counts> {
        Arc::clone(&self.progress) as Arc<dyn Counts>
    }
}

fn run(reports: &Receiver<ErrorReport>, progress: &Progress, mut report: impl FnMut(&ErrorReport)) {
    let began = Instant::now();
    let panics = FirstOfMinute::default();
    for one in reports {
        let _done = Done(progress);
        let reported = catch_unwind(AssertUnwindSafe(|| report(&one)));
        if let Err(payload) = reported {
            // It may panic when it is dropped.
            std::mem::forget(payload);
            let now = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if let Some(others) = panics.turn(now) {
                tracing::error!(target: "portcullis", others, "what reports errors panicked");
            }
        }
    }
}

// ===== impl Progress =====

impl Progress {
    fn finish(&self) {
        self.done.fetch_add(1, AcqRel);
        self.told.notify_waiters();
    }

    async fn reached(&self, accepted: u64) {
        loop {
            let told = self.told.notified();
            if self.done.load(Acquire) >= accepted {
                return;
            }
            told.await;
        }
    }
}

impl Counts for Progress {
    fn counts(&self) -> Vec<Count> {
        let dropped = Count::total(
            "portcullis_error_reports_dropped",
            "Reports of errors that were lost",
            self.dropped.load(Relaxed),
        );
        vec![dropped.counted_by(self)]
    }
}

// ===== impl Done =====

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// How many reports may wait.
const QUEUE: usize = 256;
