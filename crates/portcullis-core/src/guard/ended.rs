use http::StatusCode;

use crate::{Outcome, RejectionKind};

/// How an exchange ended, for what a guard does [then](crate::Reply::on_end).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The status of the response; `None` if the client was gone before there was one.
    pub status: Option<StatusCode>,
    /// Why the request was refused, if it was, by whatever guard.
    pub rejection: Option<RejectionKind>,
    /// The bytes of the request's body: its declared length, or else how many were read.
    pub request_bytes: u64,
    /// The bytes of the response's body that the server took.
    pub response_bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// What is done when an exchange has ended.
pub type OnEnd = Box<dyn FnOnce(&Ended) + Send>;

impl Ended {
    /// Creates an end without a response.
    #[must_use]
    pub const fn new(outcome: Outcome) -> Self {
        Self {
            status: None,
            rejection: None,
            request_bytes: 0,
            response_bytes: 0,
            outcome,
        }
    }
}
