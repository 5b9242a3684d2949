//! Counts, and the checklist's lines.

use super::{Outcome, Report};
use crate::{
    catalogue::{Attack, CATALOGUE, CHECKLIST, Group, Line},
    verdict::Verdict,
};

/// How many attacks ended how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Count {
    /// The server did what a hardened server does.
    pub held: usize,
    /// It did not.
    pub breached: usize,
    /// The attack did not run.
    pub not_tested: usize,
    /// The attack ran and proves nothing.
    pub could_not_tell: usize,
}

/// What a siege says of a line of the checklist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LineVerdict {
    /// Every attack that speaks to it was held.
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
    /// How many attacks ended how.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for outcome in &self.outcomes {
            *match outcome.verdict {
                Verdict::Held { .. } => &mut count.held,
                Verdict::Breached { .. } => &mut count.breached,
                Verdict::NotTested { .. } => &mut count.not_tested,
                Verdict::CouldNotTell { .. } => &mut count.could_not_tell,
            } += 1;
        }
        count
    }

    /// Every line of the checklist, what the siege says of it, and what it says it by.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static Line, LineVerdict, Vec<&Outcome>)> {
        let of = |line: &'static Line| {
            let speaks = |outcome: &&Outcome| outcome.lines.iter().any(|id| id == line.id);
            let outcomes: Vec<_> = self.outcomes.iter().filter(speaks).collect();
            (line, LineVerdict::of(line, &outcomes), outcomes)
        };
        CHECKLIST.iter().map(of).collect()
    }

    /// The attacks that speak to no line.
    pub(crate) fn beyond(&self) -> Vec<&Outcome> {
        let speaks_to_none = |outcome: &&Outcome| outcome.lines.is_empty();
        self.outcomes.iter().filter(speaks_to_none).collect()
    }
}

// ===== impl LineVerdict =====

impl LineVerdict {
    fn of(line: &Line, outcomes: &[&Outcome]) -> Self {
        let speaks = |attack: &&Attack| attack.lines.contains(&line.id);
        let all = CATALOGUE.iter().filter(speaks).count();
        let is = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
        match (is(Verdict::is_breached), is(Verdict::is_held)) {
            (1.., _) => Self::Breached,
            (0, 0) => Self::NotTested,
            (0, held) if held == all => Self::Held,
            (0, _) => Self::HeldInPart,
        }
    }

    /// Its name: `held`, `held in part`, `breached` or `not tested`.
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

/// Groups that have no attack yet.
pub(crate) fn not_examined() -> impl Iterator<Item = Group> {
    let has_none = |group: &Group| !CATALOGUE.iter().any(|attack| attack.group() == *group);
    Group::ALL.into_iter().filter(has_none)
}
