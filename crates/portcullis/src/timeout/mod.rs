//! Answers in place of a service that takes too long.
//!
//! # What happens
//!
//! When the response head is not ready in time, the inner future is dropped and the client gets a
//! 503 [rejection](crate::Rejection), or a 504 if the application says that it is a gateway
//! (RFC 9110, section 15.6.5). A handler can read what is left from
//! [`Deadline`](crate::Deadline) in [`Facts`](crate::Facts). Layers may be nested: the earlier
//! deadline counts.
//!
//! The response *body* is not covered: an event stream may last.
//!
//! Unlike `tower::timeout` this middleware has no error: if the inner service is infallible, it
//! still is.
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::timeout::TimeoutLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! async fn slow(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     tokio::time::sleep(Duration::from_secs(60)).await;
//!     Ok(Response::default())
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Infallible> {
//! let service = TimeoutLayer::new(Duration::from_secs(1)).layer(service_fn(slow));
//!
//! let response = service.oneshot(Request::default()).await?;
//! assert_eq!(response.status(), 503);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below [`catch_panic`](crate::catch_panic) and above everything that may wait: guards with a
//! remote store, and the application.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`TimeoutLayer::new`] | 30 s in [`Edge`](crate::Edge) | what clients and proxies commonly wait |
//! | [`TimeoutLayer::gateway`] | 503 | 504 is for gateways only |
//!
//! # Rejections
//!
//! [`TimedOut`](crate::RejectionKind::TimedOut), status 503, or
//! [`GatewayTimedOut`](crate::RejectionKind::GatewayTimedOut), status 504.

mod part;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::part::Timeout;
use crate::engine::{Alone, Plain};

/// Answers in place of a service that takes too long. See the [module docs](self) for an example.
pub type TimeoutLayer = Alone<Timeout, Plain>;

impl TimeoutLayer {
    /// Creates a layer that gives the inner service `after` to respond.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        Timeout::new(after).into()
    }

    /// See [`Timeout::gateway`].
    #[must_use]
    pub fn gateway(self) -> Self {
        self.map(Timeout::gateway)
    }
}
