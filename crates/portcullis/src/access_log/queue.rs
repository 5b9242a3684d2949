use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::Notify;

/// Lines that are to be written: one buffer that requests add to, and one that is being written. They are
/// swapped, so that a line costs no allocation, and the bound is one of bytes.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to do for the writer.
    work: Condvar,
    /// Something was written, or nobody writes any more.
    progress: Condvar,
    told: Notify,
    capacity: usize,
    dropped: AtomicU64,
    /// How many lines the writer has, and may lose if it panics.
    writing: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// How many bytes the writer has.
    writing: usize,
    /// How many bytes were accepted, and how many of them are done with.
    accepted: u64,
    done: u64,
    wants_reopen: bool,
    is_closed: bool,
    is_gone: bool,
}

/// What the writer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Write,
    Reopen,
    End,
}

// ===== impl Queue =====

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
            told: Notify::new(),
            capacity,
            dropped: AtomicU64::new(0),
            writing: AtomicU64::new(0),
        }
    }

    /// Adds a line, if it fits. Never waits, but for who adds one at the same time.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let mut state = self.lock();
        let bytes = state.waiting.len() + state.writing + line.len();
        if state.is_closed || state.is_gone || bytes > self.capacity {
            drop(state);
            self.on_dropped(1);
            return false;
        }
        let was_empty = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        state.accepted += line.len() as u64;
        drop(state);
        if was_empty {
            self.work.notify_one();
        }
        true
    }

    /// Waits for work. What is to be written is put into an empty buffer.
    pub(super) fn next(&self, buffer: &mut Vec<u8>) -> Work {
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.wants_reopen) {
                return Work::Reopen;
            }
            if !state.waiting.is_empty() {
                std::mem::swap(&mut state.waiting, buffer);
                state.writing = buffer.len();
                return Work::Write;
            }
            if state.is_closed {
                return Work::End;
            }
            let waited = self.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes what the writer begins to write.
    pub(super) fn on_writing(&self, buffer: &[u8]) {
        self.writing.store(lines(buffer), Relaxed);
    }

    /// Notes that the writer is done with what it had.
    pub(super) fn on_written(&self) {
        self.writing.store(0, Relaxed);
        let mut state = self.lock();
        state.done += state.writing as u64;
        state.writing = 0;
        drop(state);
        self.tell();
    }

    /// Notes lines that were lost.
    pub(super) fn on_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Relaxed);
    }

    /// Notes that nobody writes any more.
    pub(super) fn on_gone(&self) {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting);
        let lost = lines(&waiting) + self.writing.swap(0, Relaxed);
        state.writing = 0;
        state.done = state.accepted;
        state.is_gone = true;
        drop(state);
        self.on_dropped(lost);
        self.tell();
    }

    /// Accepts no more. What waits is still written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.work.notify_all();
    }

    pub(super) fn reopen(&self) {
        self.lock().wants_reopen = true;
        self.work.notify_all();
    }

    /// Waits until all is written, or lost, that was accepted before.
    pub(super) async fn flushed(&self) {
        let accepted = self.lock().accepted;
        loop {
            let told = self.told.notified();
            if self.lock().done >= accepted {
                return;
            }
            told.await;
        }
    }

    /// Blocks until the writer is gone, at most so long.
    pub(super) fn wait_for_end(&self, limit: Duration) {
        let is_there = |state: &mut State| !state.is_gone;
        let waited = self
            .progress
            .wait_timeout_while(self.lock(), limit, is_there);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Returns how many bytes are not written yet.
    pub(super) fn waiting(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.writing
    }

    fn tell(&self) {
        self.progress.notify_all();
        self.told.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many lines there are, the last without an end too.
pub(super) fn lines(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    let is_cut = bytes.last().is_some_and(|byte| *byte != b'\n');
    ends as u64 + u64::from(is_cut)
}
