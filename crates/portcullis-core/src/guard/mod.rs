//! What judges a request.
//!
//! A [`Guard`] looks at the head of a request and returns a [`Verdict`]. What the response must
//! carry, whoever makes it, goes into the [`Reply`]; what the application should know goes into the
//! request's [`Facts`](crate::Facts). An edge does the rest: it asks the guards in one order, waits
//! for those that must wait, renders what they refuse, and completes every response.
//!
//! # Example
//!
//! ```
//! use http::{HeaderName, HeaderValue, request};
//! use portcullis_core::{Guard, RejectionKind, Reply, Verdict};
//!
//! struct OfficeHours {
//!     open: bool,
//! }
//!
//! impl Guard for OfficeHours {
//!     fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
//!         let hours = HeaderName::from_static("office-hours");
//!         reply.insert(hours, HeaderValue::from_static("9-17"));
//!         if self.open {
//!             Verdict::Admit
//!         } else {
//!             RejectionKind::Unavailable.into()
//!         }
//!     }
//!
//!     fn describe(&self) -> String {
//!         "from 9 to 17".to_owned()
//!     }
//! }
//! ```

mod any_of;
mod body_check;
mod body_reader;
mod deferred;
mod ended;
mod holding;
mod judge;
mod reply;
mod reply_taken;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::{
    any_of::AnyOf,
    body_check::BodyCheck,
    body_reader::BodyReader,
    deferred::Deferred,
    ended::{Cost, Ended, OnEnd},
    holding::{Holding, Note, Permit, Permits},
    judge::{Guard, Need},
    reply::Reply,
    verdict::Verdict,
};
