use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use portcullis_core::{Count, Counts};

use crate::signal::Signal;

/// How many records were lost, by signal and reason. For metrics a record is a data point.
#[derive(Debug, Default)]
pub(crate) struct Drops([[AtomicU64; Reason::ALL.len()]; Signal::ALL.len()]);

/// A handle to the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost(pub(crate) Arc<Drops>);

/// Why a record was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It found no place in the queue.
    QueueFull,
    /// The collector gave no final answer in time.
    ExportFailed,
    /// The collector did not want it.
    Rejected,
    /// It was not sent before the telemetry stopped.
    Shutdown,
}

// ===== impl Drops =====

impl Drops {
    pub(crate) fn add(&self, signal: Signal, reason: Reason, n: u64) {
        self.0[signal as usize][reason as usize].fetch_add(n, Relaxed);
    }

    pub(crate) fn get(&self, signal: Signal, reason: Reason) -> u64 {
        self.0[signal as usize][reason as usize].load(Relaxed)
    }

    /// Returns how many of a signal were lost, for whatever reason.
    pub(crate) fn all(&self, signal: Signal) -> u64 {
        let each = Reason::ALL.iter().map(|reason| self.get(signal, *reason));
        each.sum()
    }
}

impl Counts for Drops {
    fn counts(&self) -> Vec<Count> {
        let pairs = Signal::ALL.iter().flat_map(|signal| {
            let reasons = Reason::ALL.iter();
            reasons.map(|reason| (*signal, *reason))
        });
        pairs
            .map(|(signal, reason)| {
                Count::total(NAME, HELP, self.get(signal, reason))
                    .label("signal", signal.as_str())
                    .label("reason", reason.as_str())
                    .counted_by(self)
            })
            .collect()
    }
}

// ===== impl Lost =====

impl Counts for Lost {
    fn counts(&self) -> Vec<Count> {
        self.0.counts()
    }
}

// ===== impl Reason =====

impl Reason {
    pub(crate) const ALL: [Self; 4] = [
        Self::QueueFull,
        Self::ExportFailed,
        Self::Rejected,
        Self::Shutdown,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
        }
    }
}

const NAME: &str = "portcullis_telemetry_dropped";
const HELP: &str = "Spans, log records and data points that were not exported";
