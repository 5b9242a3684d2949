//! How many results in a row it takes until a state changes.

use super::State;

/// How many results in a row change a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    /// To something worse.
    pub(super) failures: u32,
    /// To something better.
    pub(super) successes: u32,
}

/// A state, and how many results in a row say otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streak {
    state: State,
    /// The last result.
    last: State,
    /// Results in a row that were at least so severe.
    at_least: [u32; 3],
    /// Results in a row that were at most so severe.
    at_most: [u32; 3],
}

// ===== impl Streak =====

impl Streak {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Pending,
            last: State::Pending,
            at_least: [0; 3],
            at_most: [0; 3],
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Returns `true` if the last result says something else than the state.
    pub(super) const fn is_open(&self) -> bool {
        self.last.severity() != self.state.severity()
    }

    /// Adds a result. The first is the state at once: there is nothing to flap from. Of results in a row
    /// that all say otherwise, the one that is nearest to the state counts.
    pub(super) fn add(&mut self, result: State, thresholds: Thresholds) {
        let (severity, before) = (result.severity(), self.state.severity());
        for level in 0..3 {
            count(&mut self.at_least[level], severity >= level);
            count(&mut self.at_most[level], severity <= level);
        }
        self.last = result;
        let mut worse = (before + 1..3).rev();
        let worse = worse.find(|level| self.at_least[*level] >= thresholds.failures);
        let better = (0..before).find(|level| self.at_most[*level] >= thresholds.successes);
        let level = worse.or(better).unwrap_or(before);
        if self.state == State::Pending || level == severity {
            self.state = result;
        } else if level != before {
            self.state = [State::Ok, State::Degraded, State::Failing][level];
        }
    }
}

fn count(streak: &mut u32, goes_on: bool) {
    *streak = if goes_on { streak.saturating_add(1) } else { 0 };
}
