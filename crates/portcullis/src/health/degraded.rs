use std::{error::Error, fmt};

use portcullis_core::BoxError;

/// What a [check](super::Health::check) returns as its error when the process works, but not well: it
/// is healthy and ready then, and says that it is degraded.
#[derive(Debug)]
pub struct Degraded(BoxError);

// ===== impl Degraded =====

impl Degraded {
    /// Creates one from what is not well. It is logged, and shown to those who may see reasons.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Degraded {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
