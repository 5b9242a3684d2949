use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use portcullis_core::Count;
use tokio::time::Instant;

use super::{
    labels::{DIRECTIVES, DISPOSITIONS, TYPES, place},
    parse::{self, Seen},
};

/// What browsers reported, in numbers. Of a fixed size.
#[derive(Debug)]
pub(super) struct Tally {
    types: [AtomicU64; TYPES.len()],
    violations: [[AtomicU64; DISPOSITIONS.len()]; DIRECTIVES.len()],
    /// Bodies that are not reports, or in part, or not whole.
    pub(super) unreadable: AtomicU64,
    /// Bodies that came while as many were read as may be.
    pub(super) dropped: AtomicU64,
    started: Instant,
    /// In nanoseconds since the start; 0 is never.
    logged: AtomicU64,
    unlogged: AtomicU64,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/reports+json`
    List,
    /// `application/csp-report`
    Old,
}

// ===== impl Tally =====

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            types: Default::default(),
            violations: std::array::from_fn(|_| Default::default()),
            unreadable: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            started: Instant::now(),
            logged: AtomicU64::new(0),
            unlogged: AtomicU64::new(0),
        }
    }

    /// Counts what a body reports.
    pub(super) fn read(&self, form: Form, body: Option<&[u8]>) {
        let mut see = |seen: Seen<'_>| self.see(&seen);
        let read = body.map(|text| match form {
            Form::List => parse::list(text, &mut see),
            Form::Old => parse::old(text, &mut see),
        });
        if !matches!(read, Some(Ok(()))) {
            self.unreadable.fetch_add(1, Relaxed);
        }
    }

    fn see(&self, seen: &Seen<'_>) {
        self.types[place(&TYPES, seen.kind)].fetch_add(1, Relaxed);
        if seen.kind != parse::VIOLATION {
            return;
        }
        let directive = place(&DIRECTIVES, seen.directive);
        let disposition = place(&DISPOSITIONS, seen.disposition);
        self.violations[directive][disposition].fetch_add(1, Relaxed);
        self.log(DIRECTIVES[directive], DISPOSITIONS[disposition]);
    }

    /// Logs the first violation, and then one at most once a minute, with how many there were.
    fn log(&self, directive: &'static str, disposition: &'static str) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (last, now) = (self.logged.load(Relaxed), now.max(1));
        let is_due = last == 0 || now.saturating_sub(last) >= MINUTE;
        let is_first = || self.logged.compare_exchange(last, now, Relaxed, Relaxed);
        // Of several at once one logs.
        if is_due && is_first().is_ok() {
            let reports = 1 + self.unlogged.swap(0, Relaxed);
            tracing::warn!(
                target: "portcullis", directive, disposition, reports,
                "browsers report violations of the content security policy"
            );
        } else {
            self.unlogged.fetch_add(1, Relaxed);
        }
    }

    /// Returns what was counted, but for directives and types that nobody reported.
    pub(super) fn counts(&self) -> Vec<Count> {
        let mut counts = self.totals();
        let types = TYPES.iter().zip(&self.types);
        counts.extend(types.filter_map(|(name, count)| {
            let count = some(count)?;
            Some(Count::total("portcullis_browser_reports", REPORTS, count).label("type", *name))
        }));
        for (directive, both) in DIRECTIVES.iter().zip(&self.violations) {
            counts.extend(
                DISPOSITIONS
                    .iter()
                    .zip(both)
                    .filter_map(|(disposition, count)| {
                        let count =
                            Count::total("portcullis_csp_violations", VIOLATIONS, some(count)?);
                        let count = count.label("directive", *directive);
                        Some(count.label("disposition", *disposition))
                    }),
            );
        }
        counts
    }

    fn totals(&self) -> Vec<Count> {
        let lost = [("unreadable", &self.unreadable), ("busy", &self.dropped)];
        let lost = lost.map(|(reason, count)| {
            let count = count.load(Relaxed);
            Count::total("portcullis_browser_reports_lost", LOST, count).label("reason", reason)
        });
        lost.into()
    }
}

fn some(count: &AtomicU64) -> Option<u64> {
    Some(count.load(Relaxed)).filter(|count| *count > 0)
}

const REPORTS: &str = "Reports of browsers, as whoever sent them says";
const VIOLATIONS: &str = "Violations of the content security policy that were reported";
const LOST: &str = "Requests to the path of reports of which something was not counted";

/// In nanoseconds.
const MINUTE: u64 = 60_000_000_000;
