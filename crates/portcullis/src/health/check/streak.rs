//! How many results in a row it takes until a state changes.

use std::cmp::Ordering;

use super::State;

/// How many results in a row change a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    /// To something worse.
    pub(super) failures: u32,
    /// To something better.
    pub(super) successes: u32,
}

/// A state, and the results in a row that say otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streak {
    state: State,
    /// Of the results in a row the one that is nearest to the state.
    next: State,
    length: u32,
}

// ===== impl Streak =====

impl Streak {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Pending,
            next: State::Pending,
            length: 0,
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Returns `true` if the last result says something else than the state.
    pub(super) const fn is_open(&self) -> bool {
        self.length > 0
    }

    /// Adds a result. The first is the state at once: there is nothing to flap from.
    pub(super) fn add(&mut self, result: State, thresholds: Thresholds) {
        let order = result.severity().cmp(&self.state.severity());
        let needed = match order {
            _ if self.state == State::Pending => 0,
            Ordering::Equal => 0,
            Ordering::Greater => thresholds.failures,
            Ordering::Less => thresholds.successes,
        };
        let goes_on = self.next.severity().cmp(&self.state.severity()) == order;
        if self.length == 0 || !goes_on {
            (self.next, self.length) = (result, 0);
        }
        self.length += 1;
        let is_nearer = result.severity().cmp(&self.next.severity()) != order;
        if is_nearer {
            self.next = result;
        }
        if self.length >= needed {
            (self.state, self.length) = (self.next, 0);
        }
    }
}
