use std::{io, sync::Arc, thread, time::Duration};

use opentelemetry::Context;
use tokio::{
    runtime::{Builder, Handle},
    sync::mpsc::{Sender, channel},
    task::JoinHandle,
    time::sleep,
};

use super::{Drops, Stop};

/// A thread of its own for all exports, so that they take nothing from the application's runtime.
///
/// Nothing that it does is telemetry itself.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    handle: Handle,
    pub(crate) stop: Stop,
    pub(crate) drops: Arc<Drops>,
    /// The thread ends when the last of these is gone.
    _alive: Sender<()>,
}

// ===== impl Runner =====

impl Runner {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no thread to give.
    pub(crate) fn spawn() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, mut last) = channel::<()>(1);
        let stop = Stop::new();
        let end = stop.clone();
        let until_the_end = async move {
            tokio::select! {
                _ = last.recv() => {}
                // The tasks see the same end, and count what they leave.
                () = end.has_come() => sleep(GRACE).await,
            }
        };
        let run = move || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            runtime.block_on(until_the_end);
        };
        let thread = thread::Builder::new().name("portcullis-otel".to_owned());
        thread.spawn(run)?;
        Ok(Self {
            handle,
            stop,
            drops: Arc::default(),
            _alive: alive,
        })
    }

    /// Runs a task on the thread.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(task)
    }
}

/// For the tasks, after the end.
const GRACE: Duration = Duration::from_millis(200);
