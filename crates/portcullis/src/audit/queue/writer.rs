//! What the writer does with a queue.

use std::{
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{Queue, State, Work};

// ===== impl Queue =====

impl Queue {
    /// Waits for work. To open a sink anew comes first: events may come faster than they are written.
    pub(in crate::audit) fn next(&self) -> Work {
        let mut state = self.lock();
        loop {
            if std::mem::take(&mut state.wants_reopen) {
                return Work::Reopen;
            }
            if !state.waiting.is_empty() {
                let most = state.waiting.len().min(BATCH);
                state.writing = most;
                return Work::Write(state.waiting.drain(..most).collect());
            }
            if state.is_closed {
                return Work::Close;
            }
            let waited = self.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that what the writer has was written.
    pub(in crate::audit) fn on_written(&self) {
        self.finish(|state| state.is_failing = false);
    }

    /// Notes that what the writer has is lost.
    pub(in crate::audit) fn on_lost(&self) {
        self.finish(|state| self.lose(state, state.writing));
    }

    fn finish(&self, note: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        note(&mut state);
        state.done += state.writing as u64;
        state.writing = 0;
        drop(state);
        self.tell();
    }

    /// Notes that nothing could be written, and waits. Returns `true` if it is to be tried again.
    pub(in crate::audit) fn on_failed(&self, wait: Duration) -> bool {
        let mut state = self.lock();
        state.is_failing = true;
        state.wants_retry = false;
        if state.is_given_up {
            return false;
        }
        let is_early = |state: &mut State| !state.wants_retry && !state.is_given_up;
        let waited = self.work.wait_timeout_while(state, wait, is_early);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        true
    }

    /// Returns `true` if a file is to be opened anew before it is tried again.
    pub(in crate::audit) fn takes_reopen(&self) -> bool {
        std::mem::take(&mut self.lock().wants_reopen)
    }

    /// Notes that nobody writes any more. What waits is lost.
    pub(in crate::audit) fn on_gone(&self) {
        let mut state = self.lock();
        let lost = state.waiting.len() + state.writing;
        self.lose(&mut state, lost);
        state.waiting.clear();
        state.done += lost as u64;
        state.writing = 0;
        state.is_closed = true;
        state.is_gone = true;
        drop(state);
        self.tell();
    }

    fn lose(&self, state: &mut State, events: usize) {
        state.lost += events as u64;
        self.dropped.fetch_add(events as u64, Relaxed);
    }
}

/// How many are written at once.
const BATCH: usize = 1024;
