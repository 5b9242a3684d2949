//! Which figure a goal looks at.

use crate::figures::Rows;

/// Which figure a goal looks at, by the names of the stacks it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    /// Instructions that the first adds to the bare stack, over what the second adds.
    InstructionsOfPeer(&'static str, &'static str),
    /// Allocations that the first adds to the bare stack, over what the second adds.
    AllocationsOfPeer(&'static str, &'static str),
    /// Instructions of the first over those of the second.
    Instructions(&'static str, &'static str),
    /// Allocations, as they are.
    Allocations(&'static str),
    /// Allocations over the bare stack.
    AddedAllocations(&'static str),
    /// Instructions of the first less those of the second.
    MoreInstructions(&'static str, &'static str),
    /// Nanoseconds of the first less those of the second, on this machine.
    MoreNanoseconds(&'static str, &'static str),
    /// Allocations of the first less those of the second.
    MoreAllocations(&'static str, &'static str),
    /// Bytes over the bare stack.
    AddedBytes(&'static str),
}

impl Measure {
    /// The figure, if every stack it needs was measured.
    pub(super) fn of(self, rows: &Rows) -> Option<f64> {
        let added = |name| rows.added(name);
        let more = |one, other| Some(rows.get(one)?.over(rows.get(other)?));
        Some(match self {
            Self::InstructionsOfPeer(ours, theirs) => {
                added(ours)?.instructions / added(theirs)?.instructions
            }
            Self::AllocationsOfPeer(ours, theirs) => {
                added(ours)?.allocations / added(theirs)?.allocations
            }
            Self::Instructions(one, other) => {
                rows.get(one)?.instructions / rows.get(other)?.instructions
            }
            Self::MoreInstructions(one, other) => more(one, other)?.instructions,
            Self::MoreNanoseconds(one, other) => more(one, other)?.nanoseconds,
            Self::MoreAllocations(one, other) => more(one, other)?.allocations,
            Self::Allocations(name) => rows.get(name)?.allocations,
            Self::AddedAllocations(name) => added(name)?.allocations,
            Self::AddedBytes(name) => added(name)?.bytes,
        })
    }
}
