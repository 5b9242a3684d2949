//! What ran, how long it took and how it ended.

#![expect(
    clippy::disallowed_types,
    reason = "no test here pauses time, and tokio would be a dependency"
)]

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::steps::Step;

/// One row for every part that ran, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    took: Duration,
    outcome: Outcome,
}

/// How a part ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Installed,
    Passed,
    Failed,
}

// ===== impl Report =====

impl Report {
    /// Runs a part and notes how long it took: as `good` if it succeeds.
    pub(crate) fn time(&mut self, name: &str, good: Outcome, part: impl FnOnce() -> bool) -> bool {
        println!("\n=== {name}");
        let start = Instant::now();
        let succeeded = part();
        self.rows.push(Row {
            name: name.to_owned(),
            took: start.elapsed(),
            outcome: if succeeded { good } else { Outcome::Failed },
        });
        succeeded
    }

    /// Prints the table, what of `steps` did not run, and the count on a line of its own.
    pub(crate) fn print(&self, steps: &[Step]) {
        println!("\n=== summary");
        for row in &self.rows {
            println!("{row}");
        }
        for step in steps.iter().filter(|step| !self.ran(step)) {
            println!("{:>8}  {:<9}  {}", "-", "not run", step.name);
        }
        println!("{}", self.count());
    }

    fn ran(&self, step: &Step) -> bool {
        self.rows.iter().any(|row| row.name == step.name)
    }

    /// Installing is no step: only what was checked is counted.
    fn count(&self) -> String {
        let ended = |outcome| {
            self.rows
                .iter()
                .filter(|row| row.outcome == outcome)
                .count()
        };
        let (passed, failed) = (ended(Outcome::Passed), ended(Outcome::Failed));
        format!("{passed} passed, {failed} failed")
    }
}

// ===== impl Row =====

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = minutes_and_seconds(self.took);
        let outcome = match self.outcome {
            Outcome::Installed => "installed",
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
        };
        write!(f, "{took:>8}  {outcome:<9}  {}", self.name)
    }
}

fn minutes_and_seconds(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else {
        format!("{}m {:02}s", took.as_secs() / 60, took.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_checked_and_not_what_was_installed() {
        let mut report = Report::default();
        report.time("install", Outcome::Installed, || true);
        report.time("good", Outcome::Passed, || true);
        report.time("bad", Outcome::Passed, || false);

        assert_eq!(report.count(), "1 passed, 1 failed");
    }

    #[test]
    fn writes_durations_for_people() {
        assert_eq!(minutes_and_seconds(Duration::from_millis(1_240)), "1.2s");
        assert_eq!(minutes_and_seconds(Duration::from_secs(185)), "3m 05s");
    }
}
