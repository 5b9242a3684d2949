//! The figures of a stack per turn, and the rows that hold them.

use crate::{stack::Stack, stacks::BARE};

/// What one turn of a stack takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
    /// The median of rounds, on the machine at hand.
    pub(crate) nanoseconds: f64,
}

impl Figures {
    /// What is left after taking away another's figures.
    pub(crate) fn over(self, less: Self) -> Self {
        Self {
            instructions: self.instructions - less.instructions,
            allocations: self.allocations - less.allocations,
            bytes: self.bytes - less.bytes,
            nanoseconds: self.nanoseconds - less.nanoseconds,
        }
    }
}

/// One measured stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) stack: Stack,
    pub(crate) figures: Figures,
}

/// The measured stacks, in the order of the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

impl Rows {
    /// The figures of a stack, if there is one of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Figures> {
        Some(self.find(name)?.figures)
    }

    /// What a router takes over the bare one.
    pub(crate) fn added(&self, name: &str) -> Option<Figures> {
        let row = self.find(name).filter(|row| row.stack.is_route())?;
        Some(row.figures.over(self.get(BARE)?))
    }

    fn find(&self, name: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.stack.name == name)
    }
}
