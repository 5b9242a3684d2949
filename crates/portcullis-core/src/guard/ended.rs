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
    /// The bytes of the request's body that were read. Those that it declares, for a layer that leaves
    /// bodies alone; none, if another guard refused it.
    pub request_bytes: u64,
    /// The bytes of the response's body that the server took.
    pub response_bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What the application says that the request costs: a [`Cost`] in its response's extensions.
    pub cost: Option<u32>,
}

/// What a request costs, in the extensions of its response: for a handler that knows better than the
/// status.
///
/// ```
/// use http::Response;
/// use portcullis_core::Cost;
///
/// let mut response = Response::new("Wrong password");
/// response.extensions_mut().insert(Cost(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct Cost(pub u32);

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
            cost: None,
        }
    }
}
