//! The counting allocator under every figure of allocations.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What was asked of the allocator since the program began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Calls that allocate; one that grows an allocation counts too.
    pub(crate) allocations: usize,
    /// Bytes of those calls; a growth counts what it adds.
    pub(crate) bytes: usize,
}

impl Asked {
    pub(crate) fn so_far() -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            allocations: stats.allocations + stats.reallocations,
            bytes: stats.bytes_allocated,
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations - earlier.allocations,
            bytes: self.bytes - earlier.bytes,
        }
    }
}
