//! Counts, and the checklist's lines.

use super::{Outcome, Report};
use crate::{
    catalogue::{CATALOGUE, CHECKLIST, Group, Line},
    verdict::Mark,
};

/// How many attacks ended how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Count {
    /// The server did what a hardened server does.
    pub held: usize,
    /// It did not.
    pub breached: usize,
    /// It did not, and the profile accepts that.
    pub accepted: usize,
    /// The attack did not run.
    pub not_tested: usize,
    /// The attack ran and proves nothing.
    pub could_not_tell: usize,
}

/// The verdict on a line of the checklist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LineVerdict {
    /// Every attack that tests it was held.
    Held,
    /// Some were held, none was breached, and the rest was not tested or proves nothing.
    HeldInPart,
    /// Something was breached.
    Breached,
    /// Nothing was tested, or what was proves nothing.
    NotTested,
}

// ===== impl Report =====

impl Report {
    /// Returns how many attacks ended how.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for outcome in &self.outcomes {
            *match outcome.verdict.mark() {
                Mark::Held => &mut count.held,
                Mark::Breached if outcome.is_accepted() => &mut count.accepted,
                Mark::Breached => &mut count.breached,
                Mark::NotTested => &mut count.not_tested,
                Mark::CouldNotTell => &mut count.could_not_tell,
            } += 1;
        }
        count
    }

    /// Returns every line of the checklist, its verdict, and the outcomes that it comes from.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static Line, LineVerdict, Vec<&Outcome>)> {
        let lines = CHECKLIST.iter().map(|line| {
            let outcomes = self.outcomes.iter();
            let outcomes: Vec<_> = outcomes
                .filter(|outcome| outcome.lines.iter().any(|id| id == line.id))
                .collect();
            (line, LineVerdict::new(line, &outcomes), outcomes)
        });
        lines.collect()
    }
}

// ===== impl LineVerdict =====

impl LineVerdict {
    fn new(line: &Line, outcomes: &[&Outcome]) -> Self {
        let attacks = CATALOGUE.iter();
        let all = attacks
            .filter(|attack| attack.lines.contains(&line.id))
            .count();
        let count = |mark| {
            let outcomes = outcomes.iter();
            outcomes
                .filter(|outcome| outcome.verdict.mark() == mark && !outcome.is_accepted())
                .count()
        };
        let is_accepted = outcomes.iter().any(|outcome| outcome.is_accepted());
        match (count(Mark::Breached), count(Mark::Held)) {
            (1.., _) => Self::Breached,
            (0, 0) if is_accepted => Self::HeldInPart,
            (0, 0) => Self::NotTested,
            (0, held) if held == all => Self::Held,
            (0, _) => Self::HeldInPart,
        }
    }

    /// Returns its name: `held`, `held in part`, `breached` or `not tested`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::HeldInPart => "held in part",
            Self::Breached => "breached",
            Self::NotTested => "not tested",
        }
    }
}

/// Returns the groups that have no attack yet.
pub(crate) fn not_examined() -> impl Iterator<Item = Group> {
    let groups = Group::ALL.into_iter();
    groups.filter(|group| !CATALOGUE.iter().any(|attack| attack.group() == *group))
}
