use std::fmt;

use super::{Slot, layer::Rows};

/// The effective stack, as it is now.
///
/// `{}` prints a line for each part that is on, outermost first; `{:#}` also those that are off, and
/// why each is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation(Vec<Line>);

/// One part of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    name: &'static str,
    value: Option<String>,
    why: &'static str,
}

/// What is around all guards. Observers begin once a request has its ID, and see everything.
const AROUND: [(&str, &str); 3] = [
    ("observers", "they see refusals, panics and late responses"),
    ("panic recovery", "a panic in any guard is answered too"),
    ("deadline", "it covers guards that wait for a store"),
];

// ===== impl Line =====

impl Line {
    /// Returns the part's name: a slot's, `observers`, `panic recovery` or `deadline`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what it does, unless it is off.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Returns why it is where it is.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        self.why
    }
}

// ===== impl Explanation =====

impl Explanation {
    pub(super) fn new(rows: &Rows<'_>) -> Self {
        let values = [rows.observers(), rows.panics(), rows.deadline()];
        let around = AROUND.into_iter().zip(values);
        let around = around.map(|((name, why), value)| Line { name, value, why });
        let slots = Slot::ALL.into_iter().map(|slot| Line {
            name: slot.name(),
            value: rows.slot(slot),
            why: slot.why(),
        });
        Self(around.chain(slots).collect())
    }

    /// Returns the parts: first those that are around all guards, then the guards by their slots,
    /// outermost first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.0.iter()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            let (name, why) = (line.name, line.why);
            match (line.value(), f.alternate()) {
                (Some(value), false) => writeln!(f, "{name:<16} {value}")?,
                (None, false) => {}
                (value, true) => {
                    writeln!(f, "{name:<16} {}\n{:17}{why}", value.unwrap_or("off"), "")?;
                }
            }
        }
        Ok(())
    }
}
