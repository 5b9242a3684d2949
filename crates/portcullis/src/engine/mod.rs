//! One service for an edge, and for each of its parts alone.
//!
//! What happens to a request, from top to bottom:
//!
//! 1. The guards that are asked about every request are asked: they find the client's address, give
//!    the request its ID, and prepare the headers of its response.
//! 2. The observers begin.
//! 3. The other guards are asked, in order, until one does not admit. A verdict that must wait is
//!    waited for.
//! 4. The application runs: in the observers' scopes, under the deadline, with panics caught.
//! 5. Whoever made the response, every guard completes its head, in reverse order, and what is in
//!    the [`Reply`](crate::Reply) is added.
//! 6. The body is watched to its end, and the observers hear of it.

mod alone;
mod bodies;
mod body_count;
mod call_timeout;
mod caught;
mod checks;
mod counted_body;
mod deadline;
#[cfg(feature = "decompression")]
mod decoded_body;
mod decoding;
mod drain;
mod ends;
#[cfg(feature = "decompression")]
mod fed_body;
mod future;
mod headers;
mod own_path;
mod pace;
mod passage;
mod refuse;
mod request_body;
mod request_span;
mod response_body;
mod scopes;
mod service;
mod stack;
mod step;
mod streaming;
#[cfg(test)]
mod tests;
#[cfg(feature = "server")]
mod unparsed;
mod upgraded;
mod watch;
mod watched;

#[cfg(feature = "decompression")]
pub(crate) use self::decoding::Coding;
#[cfg(feature = "server")]
pub(crate) use self::unparsed::refuse_unparsed;
pub(crate) use self::{
    alone::PeerFrom,
    caught::install_hook,
    deadline::TimeLimit,
    decoding::Decoding,
    own_path::{OwnPath, asked},
    pace::Pace,
    stack::RouteFrom,
};
pub use self::{
    alone::{Alone, GuardLayer},
    bodies::{Plain, RequestBodies, ResponseBodies, Wrapped},
    body_count::BodyCount,
    caught::BodyPanicked,
    checks::BodyRefused,
    future::EdgeFuture,
    pace::BodyTooSlow,
    request_body::{BodyTooLarge, RequestBody},
    response_body::{Content, EdgeBody},
    service::EdgeService,
    stack::{Part, Stack},
    watched::{BodyIdle, Watched},
};
