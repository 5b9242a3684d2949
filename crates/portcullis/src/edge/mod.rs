//! The stack: every layer of an HTTP edge, in the one right order.
//!
//! # The order
//!
//! A request meets the layers from top to bottom, whatever the order of the calls that set them
//! up:
//!
//! | layer | above the next because |
//! |---|---|
//! | [`client_ip`](crate::client_ip) | everything below counts or records by address |
//! | [`request_id`](crate::request_id) | everything below logs it |
//! | [`observe`](crate::observe) | observers must see refusals, panics and timeouts |
//! | [`secure_headers`](crate::secure_headers) | every answer below gets them, a 401 and a 500 too |
//! | [`health`](crate::health) | probes spend no quota and need no key |
//! | [`catch_panic`](crate::catch_panic) | a panic in any guard below is a response too |
//! | [`timeout`](crate::timeout) | covers guards that wait for a store |
//! | rate limit | guessing keys must cost |
//! | requests in flight | who waits for an answer takes a place, known or not |
//! | [`body_limit`](crate::body_limit) | comes before anything that reads a body |
//! | authentication | the application sees only known callers |
//! | principal's limit | it must be known who asks |
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::Edge;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let edge = Edge::new().timeout(Duration::from_secs(5)).build()?;
//! println!("{}", edge.explain());
//!
//! let hello = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))) });
//! let response = edge.layer(hello).oneshot(Request::new(Full::<Bytes>::default())).await?;
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//! # Ok(())
//! # }
//! ```
//!
//! # Types
//!
//! An `Edge` has a parameter for what users plug in: authentication, limit, observers, responder.
//! A layer that is off costs a branch, and the type is the same whether it is on or off, so that
//! configuration can decide. The inner service's request body is
//! [`RequestBody`](crate::body_limit::RequestBody).
//!
//! # Cost
//!
//! A clone of the whole edge is one `Arc`: the layers and a template of the inner service are
//! behind it, and a service is made of them when it is asked to be ready.

mod build;
mod builder;
mod counters;
mod explain;
mod handle;
mod layer;
mod plug;
mod service;

#[cfg(feature = "rate-limit")]
pub use self::handle::Changeable;
pub use self::{
    builder::Edge,
    counters::Counters,
    explain::{Explanation, Line},
    handle::{Change, Handle},
    layer::EdgeLayer,
    service::{EdgeBody, EdgeService},
};
