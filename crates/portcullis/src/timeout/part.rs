use std::time::Duration;

use portcullis_core::RejectionKind;

use crate::engine::{Part, Stack, TimeLimit};

/// Answers in place of a service that takes too long. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct Timeout(TimeLimit);

// ===== impl Timeout =====

impl Timeout {
    /// Creates a deadline: the service has `after` to respond.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        let kind = RejectionKind::TimedOut;
        Self(TimeLimit { after, kind })
    }

    /// Answers late responses with 504: the application is a gateway, and what is late is behind it.
    #[must_use]
    pub const fn gateway(mut self) -> Self {
        self.0.kind = RejectionKind::GatewayTimedOut;
        self
    }

    /// Returns how long the service may take.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.0.after
    }

    /// Returns what a late request is refused with.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.0.kind
    }
}

impl Part for Timeout {
    fn install(self, stack: &mut Stack) {
        stack.time_limit = Some(self.0);
    }
}
