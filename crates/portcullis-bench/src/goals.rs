//! The goals, as data, and whether the measured rows meet them.

use crate::{
    figures::Rows,
    stacks::{CHECK_AT, LIMITED_SERVICE, PEER_CHECK, PEERS_SAMPLED, PEERS_UNSAMPLED, SERVICE},
};

const EDGE: &str = "edge, not sampled";
const EDGE_SAMPLED: &str = "edge, sampled";

/// Every goal, in the order of the table.
pub(crate) const GOALS: &[Goal] = &[
    Goal {
        name: "instructions that the edge adds, not sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(EDGE, PEERS_UNSAMPLED),
        at_most: 0.25,
    },
    Goal {
        name: "allocations that the edge adds, not sampled",
        measure: Measure::AddedAllocations(EDGE),
        at_most: 10.0,
    },
    Goal {
        name: "bytes that the edge adds, not sampled",
        measure: Measure::AddedBytes(EDGE),
        at_most: 4096.0,
    },
    Goal {
        name: "instructions that the edge adds, sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(EDGE_SAMPLED, PEERS_SAMPLED),
        at_most: 1.0 / 3.0,
    },
    Goal {
        name: "allocations that the edge adds, sampled",
        measure: Measure::AddedAllocations(EDGE_SAMPLED),
        at_most: 12.0,
    },
    Goal {
        name: "allocations of a clone of the edge service",
        measure: Measure::Allocations("clone of the edge service"),
        at_most: 0.0,
    },
    Goal {
        name: "instructions of a refusal for the key over those of an answer",
        measure: Measure::Instructions("edge, 401", EDGE),
        at_most: 1.0,
    },
    Goal {
        name: "instructions of a refusal for the quota over those of an answer",
        measure: Measure::Instructions("edge, 429", EDGE),
        at_most: 1.0,
    },
    Goal {
        name: "instructions of a limiter's check over governor's, below a layer that read the clock",
        measure: Measure::Instructions(CHECK_AT, PEER_CHECK),
        at_most: 0.4,
    },
    Goal {
        name: "instructions that the rate limit adds to a served request, headers included",
        measure: Measure::MoreInstructions(LIMITED_SERVICE, SERVICE),
        at_most: 1500.0,
    },
    Goal {
        name: "allocations that the rate limit adds to a served request",
        measure: Measure::MoreAllocations(LIMITED_SERVICE, SERVICE),
        at_most: 1.0,
    },
];

/// A figure that must not be larger than it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) measure: Measure,
    pub(crate) at_most: f64,
}

/// Which figure a goal looks at, by the names of the stacks it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    /// Instructions that the first adds to the bare stack, over what the second adds.
    InstructionsOfPeer(&'static str, &'static str),
    /// Instructions of the first over those of the second.
    Instructions(&'static str, &'static str),
    /// Allocations, as they are.
    Allocations(&'static str),
    /// Allocations over the bare stack.
    AddedAllocations(&'static str),
    /// Instructions of the first less those of the second.
    MoreInstructions(&'static str, &'static str),
    /// Allocations of the first less those of the second.
    MoreAllocations(&'static str, &'static str),
    /// Bytes over the bare stack.
    AddedBytes(&'static str),
}

impl Measure {
    /// The figure, if every stack it needs was measured.
    fn of(self, rows: &Rows) -> Option<f64> {
        let added = |name| rows.added(name);
        let more = |one, other| Some(rows.get(one)?.over(rows.get(other)?));
        Some(match self {
            Self::InstructionsOfPeer(ours, theirs) => {
                added(ours)?.instructions / added(theirs)?.instructions
            }
            Self::Instructions(one, other) => {
                rows.get(one)?.instructions / rows.get(other)?.instructions
            }
            Self::MoreInstructions(one, other) => more(one, other)?.instructions,
            Self::MoreAllocations(one, other) => more(one, other)?.allocations,
            Self::Allocations(name) => rows.get(name)?.allocations,
            Self::AddedAllocations(name) => added(name)?.allocations,
            Self::AddedBytes(name) => added(name)?.bytes,
        })
    }
}

/// How a goal came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Met(f64),
    Missed(f64),
    /// A stack that the goal needs does not exist, so nothing is known.
    NoSuchStack,
}

impl Goal {
    pub(crate) fn verdict(&self, rows: &Rows) -> Verdict {
        match self.measure.of(rows) {
            None => Verdict::NoSuchStack,
            Some(figure) if figure <= self.at_most => Verdict::Met(figure),
            Some(figure) => Verdict::Missed(figure),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;
    use crate::{
        ask::Ask,
        figures::{Figures, Row},
        stack::Stack,
        stacks::BARE,
    };

    const GOAL: Goal = Goal {
        name: "allocations",
        measure: Measure::AddedAllocations(EDGE),
        at_most: 10.0,
    };

    fn rows(allocations: &[(&'static str, f64)]) -> Rows {
        let row = |&(name, allocations)| Row {
            stack: Stack::route(name, "", Router::new, Ask::PLAIN),
            figures: Figures {
                allocations,
                ..Figures::default()
            },
        };
        Rows(allocations.iter().map(row).collect())
    }

    #[test]
    fn compares_what_is_added_to_the_bare_stack() {
        let met = GOAL.verdict(&rows(&[(BARE, 15.0), (EDGE, 25.0)]));
        let missed = GOAL.verdict(&rows(&[(BARE, 15.0), (EDGE, 26.0)]));

        assert_eq!(met, Verdict::Met(10.0));
        assert_eq!(missed, Verdict::Missed(11.0));
    }

    #[test]
    fn a_missing_stack_is_no_pass() {
        let verdict = GOAL.verdict(&rows(&[(BARE, 15.0)]));

        assert_eq!(verdict, Verdict::NoSuchStack);
    }

    #[test]
    fn a_figure_that_is_no_number_is_missed() {
        let verdict = GOAL.verdict(&rows(&[(BARE, 15.0), (EDGE, f64::NAN)]));

        assert!(matches!(verdict, Verdict::Missed(_)));
    }
}
