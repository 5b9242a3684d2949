//! How many calls there were lately, and how many of them failed.

/// Counts over the last [`CELLS`] spans of time, the current one included. Constant memory.
#[derive(Debug)]
pub(super) struct Window {
    /// Nanoseconds of a cell, at least 1.
    span: u64,
    /// The number of the current cell since the clock began.
    newest: u64,
    /// When the current cell ends, so that most calls need no division.
    ends_at: u64,
    cells: [Cell; CELLS],
    sum: Cell,
}

/// What came of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) calls: u32,
    pub(super) failures: u32,
}

// ===== impl Window =====

impl Window {
    /// Creates a window of about so many nanoseconds.
    pub(super) fn new(length: u64) -> Self {
        let span = (length / CELLS as u64).max(1);
        Self {
            span,
            newest: 0,
            ends_at: span,
            cells: [Cell::default(); CELLS],
            sum: Cell::default(),
        }
    }

    /// Counts a call that ended at `now`. A time before the newest cell counts as the newest: two
    /// threads may have read the clock in one order and come here in the other.
    pub(super) fn record(&mut self, now: u64, is_failure: bool) {
        self.advance(now);
        let at = self.newest as usize % CELLS;
        for cell in [&mut self.cells[at], &mut self.sum] {
            cell.calls = cell.calls.saturating_add(1);
            cell.failures = cell.failures.saturating_add(u32::from(is_failure));
        }
    }

    /// Returns what is in the window at `now`.
    pub(super) fn sum(&mut self, now: u64) -> Cell {
        self.advance(now);
        self.sum
    }

    /// Returns for how long it looks back, in nanoseconds.
    pub(super) const fn length(&self) -> u64 {
        self.span.saturating_mul(CELLS as u64)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.cells = [Cell::default(); CELLS];
        self.sum = Cell::default();
    }

    /// Empties the cells that `now` is past.
    fn advance(&mut self, now: u64) {
        if now < self.ends_at {
            return;
        }
        let newest = now / self.span;
        let passed = (newest - self.newest).min(CELLS as u64);
        for number in 1..=passed {
            let at = (self.newest + number) as usize % CELLS;
            let old = std::mem::take(&mut self.cells[at]);
            self.sum.calls = self.sum.calls.saturating_sub(old.calls);
            self.sum.failures = self.sum.failures.saturating_sub(old.failures);
        }
        self.newest = newest;
        self.ends_at = newest.saturating_add(1).saturating_mul(self.span);
    }
}

/// A tenth of the window at a time is forgotten: fine enough, and a circuit stays small.
pub(super) const CELLS: usize = 10;
