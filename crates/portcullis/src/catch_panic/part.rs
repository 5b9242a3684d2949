use crate::engine::{Part, Stack, install_hook};

/// Turns panics into responses. See the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CatchPanic;

// ===== impl CatchPanic =====

impl CatchPanic {
    /// Creates a panic recovery.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Part for CatchPanic {
    fn install(self, stack: &mut Stack) {
        install_hook();
        stack.catches_panics = true;
    }
}
