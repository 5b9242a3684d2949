use std::{fmt, sync::Arc};

use portcullis_core::{ConfigError, WallClock};

use super::{Audit, EventSink, OnFull, handle::Settings, queue::Queue, worker};

/// Sets up an [`Audit`]. What is wrong is an error of [`build`](Self::build), all at once.
#[must_use = "it does nothing until it is built"]
pub struct AuditBuilder {
    sink: Box<dyn EventSink>,
    on_full: OnFull,
    capacity: usize,
    settings: Settings,
}

// ===== impl AuditBuilder =====

impl AuditBuilder {
    pub(super) fn new(sink: Box<dyn EventSink>, on_full: OnFull) -> Self {
        Self {
            sink,
            on_full,
            capacity: DEFAULT_CAPACITY,
            settings: Settings {
                one_in: 1,
                keeps_missing: true,
                clock: WallClock::system(),
            },
        }
    }

    /// Sets how many events may wait to be written, instead of 8,192. One takes less than a kilobyte.
    pub const fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Keeps one in so many of those that were let in, the first of them. Of what is refused all
    /// are kept.
    pub const fn sample_successes(mut self, one_in: u64) -> Self {
        self.settings.one_in = one_in;
        self
    }

    /// Sets whether a request without any credentials is worth an event. It is, by default: what was open
    /// yesterday may be closed today, and somebody still comes.
    pub const fn missing_credentials(mut self, are_kept: bool) -> Self {
        self.settings.keeps_missing = are_kept;
        self
    }

    /// Sets where the date comes from.
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Builds the log, and starts the thread that writes it.
    ///
    /// # Errors
    ///
    /// Lists everything that is wrong: a capacity or a sample of 0, a thread that can't be started.
    pub fn build(self) -> Result<Audit, ConfigError> {
        let mut problems = Vec::new();
        if self.capacity == 0 {
            problems.push("audit: a capacity of 0 drops or refuses everything".to_owned());
        }
        if self.settings.one_in == 0 {
            problems.push("audit: one in 0 is no sample".to_owned());
        }
        ConfigError::check(problems)?;
        let queue = Arc::new(Queue::new(self.capacity, self.on_full));
        let started = worker::start(Arc::clone(&queue), self.sink);
        started.map_err(|error| ConfigError::new(format!("audit: no thread: {error}")))?;
        Ok(Audit::from_parts(queue, self.settings))
    }
}

impl fmt::Debug for AuditBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditBuilder")
            .field("on_full", &self.on_full)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// How many events may wait to be written, unless told otherwise: some seconds of a busy server.
pub const DEFAULT_CAPACITY: usize = 8192;
