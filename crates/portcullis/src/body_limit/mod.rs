//! Limits the size of request bodies.
//!
//! # What happens
//!
//! A body that declares more than the limit (`Content-Length`) is answered with a 413
//! [rejection](crate::Rejection) before the inner service is called. A body of unknown length is
//! counted while it is read; the read that passes the limit fails with [`BodyTooLarge`], and the
//! layer answers 413 itself as soon as the inner service's future next returns, even if the handler
//! swallowed the error, unless the response head is out already.
//!
//! After a 413 up to 16 MiB of the body are read and thrown away for at most 5 seconds, in a task
//! of their own. Without that many a client never sees the answer: a connection that is closed
//! with unread input is reset, and the client's write fails before it reads (RFC 9112,
//! section 9.6). A client that sent `Expect: 100-continue` waits for the answer, so nothing is read.
//!
//! The inner service's request body is [`RequestBody`]: a hyper service takes
//! `Request<RequestBody<Incoming>>`. With axum that needs no thought.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::body_limit::{BodyLimitLayer, RequestBody};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! async fn hello(_: Request<RequestBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::default())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let service = BodyLimitLayer::new(4).layer(service_fn(hello));
//!
//! let response = service.oneshot(Request::new(Full::from("hello"))).await?;
//! assert_eq!(response.status(), 413);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Above everything that reads a body. Where several limits meet a request the lowest counts: below
//! an edge a route can only lower what it allows. axum's `DefaultBodyLimit` (2 MB) is one more, which
//! answers in its own way.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`BodyLimitLayer::new`] | 1 MiB in [`Edge`](crate::Edge) | enough for JSON |
//!
//! # Rejections
//!
//! [`BodyTooLarge`](crate::RejectionKind::BodyTooLarge), status 413 (RFC 9110, section 15.5.14).

mod guard;
mod media;
#[cfg(test)]
mod tests;

pub use self::guard::BodyLimit;
use crate::engine::{Alone, Plain, Wrapped};
pub use crate::engine::{BodyTooLarge, RequestBody};

/// Limits the size of request bodies. See the [module docs](self) for an example.
pub type BodyLimitLayer = Alone<BodyLimit, (Wrapped, Plain)>;

impl BodyLimitLayer {
    /// Creates a layer that allows bodies of at most `bytes`, as they are sent.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        BodyLimit::new(bytes).into()
    }
}
