use std::time::Duration;

use portcullis_core::RejectionKind;

use crate::engine::{Part, Stack, TimeLimit};

/// Answers in place of a service that takes too long. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    after: Duration,
    kind: RejectionKind,
}

// ===== impl Timeout =====

impl Timeout {
    /// Creates a deadline: the service has `after` to respond.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Self {
            after,
            kind: RejectionKind::TimedOut,
        }
    }

    /// Answers late responses with 504: the application is a gateway, and what is late is behind it.
    #[must_use]
    pub const fn gateway(mut self) -> Self {
        self.kind = RejectionKind::GatewayTimedOut;
        self
    }

    /// Returns how long the service may take.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.after
    }

    /// Returns what a late request is refused with.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }
}

impl Part for Timeout {
    fn install(self, stack: &mut Stack) {
        let Self { after, kind } = self;
        stack.time_limit = Some(TimeLimit { after, kind });
    }
}
