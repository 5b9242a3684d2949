//! A grade for each group: how bad the worst breach in it is.

use std::fmt;

use super::{Outcome, Report};
use crate::catalogue::{Group, Level, Severity};

/// How well a server holds the attacks of a group.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Grade {
    /// Nothing was breached.
    A,
    /// Only what is the siege's opinion.
    B,
    /// Something that a server should hold.
    C,
    /// Something that it must, of medium or low severity.
    D,
    /// Something that it must, of high or critical severity.
    F,
}

// ===== impl Report =====

impl Report {
    /// Returns the grade of a group: that of its worst breach. `None` where no attack of it was held or
    /// breached.
    #[must_use]
    pub fn grade(&self, group: Group) -> Option<Grade> {
        let outcomes = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.group == group);
        outcomes.filter_map(Grade::of).max()
    }
}

// ===== impl Grade =====

impl Grade {
    fn of(outcome: &Outcome) -> Option<Self> {
        if outcome.verdict.is_held() {
            return Some(Self::A);
        }
        outcome.is_breached().then_some(match outcome.level {
            Level::Opinion => Self::B,
            Level::Should => Self::C,
            Level::Must => match outcome.severity {
                Severity::Medium | Severity::Low => Self::D,
                Severity::Critical | Severity::High => Self::F,
            },
        })
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::F => "F",
        })
    }
}
