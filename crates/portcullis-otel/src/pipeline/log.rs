//! What became of records: counts, and what the log says about a collector. One line when it fails,
//! and one when it is back.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Drops, Reason};
use crate::{export::Answer, signal::Signal};

/// The counts and the lines of one signal.
#[derive(Debug)]
pub(crate) struct Log {
    signal: Signal,
    endpoint: String,
    drops: Arc<Drops>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_failing: bool,
    failed: Option<Instant>,
    rejected: Option<Instant>,
    full: Option<Instant>,
    /// What was lost in all before a failure that was logged.
    lost: Option<u64>,
}

// ===== impl Log =====

impl Log {
    pub(crate) fn new(signal: Signal, endpoint: String, drops: Arc<Drops>) -> Self {
        Self {
            signal,
            endpoint,
            drops,
            state: Mutex::default(),
        }
    }

    /// Notes what became of so many records; nothing was heard of them before the stop if there is no
    /// answer.
    pub(crate) fn note(&self, answer: Option<Answer>, sent: u64) {
        match answer {
            None => self.lose(Reason::Shutdown, sent),
            Some(Answer::Accepted { rejected, why }) => {
                self.accepted();
                if rejected > 0 || !why.is_empty() {
                    self.lose(Reason::Rejected, rejected.min(sent));
                    self.rejected(rejected, &why);
                }
            }
            Some(Answer::Refused(problem)) => {
                self.failed(&problem, Reason::Rejected, sent);
            }
            Some(Answer::Failed(problem)) => {
                self.failed(&problem, Reason::ExportFailed, sent);
            }
        }
    }

    /// Counts records that were lost.
    pub(super) fn lose(&self, reason: Reason, n: u64) {
        self.drops.add(self.signal, reason, n);
    }

    /// Counts a record that found no place: a line a minute, and none while the collector fails.
    pub(super) fn full(&self) {
        self.lose(Reason::QueueFull, 1);
        let signal = self.signal.as_str();
        if self.with(|state| !state.is_failing && is_due(&mut state.full)) {
            tracing::warn!(target: "portcullis", signal, "telemetry comes faster than it is exported: some is lost, and counted");
        }
    }

    /// The first batch that is lost is logged, and none of those that follow.
    fn failed(&self, problem: &str, reason: Reason, sent: u64) {
        let before = self.drops.all(self.signal);
        self.lose(reason, sent);
        let is_told = self.with(|state| {
            let is_first = !mem::replace(&mut state.is_failing, true);
            let is_told = is_first && is_due(&mut state.failed);
            if is_told {
                state.lost = Some(before);
            }
            is_told
        });
        if is_told {
            let (signal, endpoint) = (self.signal.as_str(), &*self.endpoint);
            tracing::warn!(target: "portcullis", signal, endpoint, problem, "telemetry is not exported: what is lost is counted");
        }
    }

    /// The end of a failure that was logged is logged.
    fn accepted(&self) {
        let before = self.with(|state| {
            state.is_failing = false;
            state.lost.take()
        });
        if let Some(before) = before {
            let (signal, endpoint) = (self.signal.as_str(), &*self.endpoint);
            let lost = self.drops.all(self.signal).saturating_sub(before);
            tracing::info!(target: "portcullis", signal, endpoint, lost, "telemetry is exported again");
        }
    }

    /// A line a minute.
    fn rejected(&self, rejected: u64, why: &str) {
        if self.with(|state| is_due(&mut state.rejected)) {
            let (signal, endpoint) = (self.signal.as_str(), &*self.endpoint);
            tracing::warn!(target: "portcullis", signal, endpoint, rejected, why, "the collector did not want some telemetry");
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the last line is a minute ago; if so, this is the next.
fn is_due(last: &mut Option<Instant>) -> bool {
    let is_due = last.is_none_or(|last| last.elapsed() >= MINUTE);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

const MINUTE: Duration = Duration::from_secs(60);
