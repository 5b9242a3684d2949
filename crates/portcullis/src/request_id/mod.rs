//! Sets the ID of every request.
//!
//! # What happens
//!
//! Every request gets a [`RequestId`](crate::RequestId): a fresh UUIDv4 (RFC 9562, section 5.4),
//! or the one a trusted proxy sent. It is on every response in the `x-request-id` header, in every
//! problem that a layer below answers with, and, as the `request_id` field of a span named
//! `request`, on every log line written while the request is served: by guards below, the application, its
//! response's body, and what the application drops when the client goes away. Handlers read it from
//! [`Facts`](crate::Facts).
//!
//! A task that the application spawns is outside: give it the span, with `tracing`'s `Instrument`. So is a
//! response's body that is dropped before its end.
//!
//! An incoming ID is kept only if the peer is trusted (see [`client_ip`](crate::client_ip)), there
//! is exactly one, and it is 1 to 128 characters of `[A-Za-z0-9._-]`. Anything else is replaced, in the
//! header that the application sees too. Of two layers the outer one names the request.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::request_id::RequestIdLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let response = RequestIdLayer::new().layer(hello).oneshot(Request::default()).await?;
//!
//! assert_eq!(response.headers()["x-request-id"].len(), 36);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below [`client_ip`](crate::client_ip), which knows whether the peer is trusted; above everything
//! that answers, logs or opens a span.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`SetRequestId::with_header`] | `x-request-id` | what proxies and clients use |
//! | [`RequestIdLayer::off`] | on | |
//!
//! # Telemetry
//!
//! The span `request` (target `portcullis`, level `ERROR`, so that a filter by level leaves it out only if it is `off`; one
//! that names targets must name `portcullis` too, as in `orders=debug,portcullis=info`) with the
//! field `request_id`, and, where an observer sets a trace, `trace_id` and `span_id`: 32 and 16 hexadecimal
//! digits. It is there for log lines; `portcullis-otel` keeps it out of traces. It is the innermost of the
//! spans around the application. Where nobody listens it costs nothing.
//!
//! # Security considerations
//!
//! A UUID is a name, not a secret: 122 of its bits are random, from the thread's cryptographic
//! generator, so that it cannot be guessed, but it must not open any door.

mod generate;
mod guard;
#[cfg(test)]
mod tests;

pub use self::{generate::generate, guard::SetRequestId};
use crate::engine::{Alone, Plain};

/// Sets the ID of every request. See the [module docs](self) for an example.
pub type RequestIdLayer = Alone<SetRequestId, Plain>;

impl RequestIdLayer {
    /// Creates a layer that uses the `x-request-id` header.
    #[must_use]
    pub fn new() -> Self {
        SetRequestId::new().into()
    }
}
