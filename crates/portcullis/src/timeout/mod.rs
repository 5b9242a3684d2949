//! Answers in place of a service that takes too long.
//!
//! # What happens
//!
//! When the response head is not ready in time, the inner future is dropped and the client gets a
//! 503 [rejection](crate::Rejection), or a 504 if the application says that it is a gateway
//! (RFC 9110, section 15.6.5). A handler can read what is left from
//! [`Deadline`](crate::Deadline) in [`Facts`](crate::Facts), and
//! [`outbound`](crate#features) passes it on. Layers may be nested: the earlier deadline counts.
//!
//! In an [edge](crate::Edge) the time stands still while the application waits for the request's body:
//! that is the client's time, which has limits of its own. A client that sends nothing for
//! [`upload_idle`](Timeout::upload_idle), less than [`upload_rate`](Timeout::upload_rate), or for longer
//! than [`upload_total`](Timeout::upload_total), gets a 408 (section 15.5.9), and its connection is
//! closed (of HTTP/2, its stream). Once the response has begun, only silence counts, for as long as the response may be silent. So a
//! slow upload that goes on is not cut after 30 s, and who is slow is told apart. The
//! [`Deadline`](crate::Deadline) that a handler reads moves with it. A layer
//! alone leaves bodies as they are: there the time begins with the request's head.
//!
//! The response *body* is not covered by the deadline: an event stream may last, and a download. In an
//! edge one that gives nothing for [`stream_idle`](Timeout::stream_idle) is ended with an error. Clients
//! that do not read are for [`serve`](crate::serve()). An upgraded connection is for its handler alone.
//!
//! A client that streams to an application that answers at the end sends messages as it likes: turn the
//! limits off there, with [`without_upload_limits`](Timeout::without_upload_limits).
//!
//! A client of gRPC may ask for less with `grpc-timeout`, in a POST, and one of Connect with
//! `connect-timeout-ms`, in a POST or in a GET with a query; what is not one is ignored.
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
//! | [`Timeout::upload_idle`] | 20 s | Apache's `RequestReadTimeout`; a mobile network may be gone for seconds |
//! | [`Timeout::upload_rate`] | 500 bytes/s | the same |
//! | [`Timeout::upload_total`] | 1 hour | the largest body and the rate limit it sooner |
//! | [`Timeout::stream_idle`] | 5 min | Envoy's; a stream of events says something now and then |
//!
//! # Rejections
//!
//! [`TimedOut`](crate::RejectionKind::TimedOut), status 503, or
//! [`GatewayTimedOut`](crate::RejectionKind::GatewayTimedOut), status 504, where the application was
//! slow; [`RequestTimedOut`](crate::RejectionKind::RequestTimedOut), status 408 with
//! `connection: close`, where the client was.

mod part;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::part::Timeout;
use crate::engine::{Alone, Plain};
pub use crate::engine::{BodyIdle, BodyTooSlow};

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
