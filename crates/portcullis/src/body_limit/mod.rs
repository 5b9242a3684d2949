//! Limits the size of request bodies, and what they are.
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
//! It is told to go on when the application reads its body, and not before: who is refused, by
//! this guard or another, is not told (RFC 9110, section 10.1.1). A request with a body that expects
//! anything else is answered with 417.
//!
//! Where [types](BodyLimit::content_types) are listed, a body of another type, of none or of two is
//! answered with 415. A request has a body unless its length is known to be 0: chunks are one, also if
//! none come.
//!
//! With the feature `decompression`, and where `BodyLimit::decoded` limits what is decoded, a body with one `Content-Encoding` of `gzip` (`x-gzip`), `deflate`, `br` or `zstd` is decoded while it
//! is read. The application reads what comes out; `Content-Encoding` and `Content-Length` are gone.
//! Three things are limited: what is sent, what comes out, and, once 64 KiB came out, how many times more
//! that is. Whichever is passed first, the read fails and the answer is 413, as above. Another coding,
//! and two, are answered with 415. A body that is not in its coding, is cut off, or goes on behind its end
//! (a second member of gzip), ends with an error.
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
//! | [`BodyLimitLayer::new`], [`BodyLimit::new`] | 1 MiB in [`Edge`](crate::Edge) | enough for JSON |
//! | [`BodyLimit::content_types`] | all | only the application knows what it reads |
//! | `BodyLimit::decoded` (bytes) | off: bodies are passed on as they are sent | a feature turns nothing on |
//! | `BodyLimit::ratio` (times) | 100 | text shrinks to a third or a tenth, a bomb to a thousandth; the first 64 KiB are free, as short texts may repeat themselves |
//!
//! In an edge: `edge.body_limit(BodyLimit::new(1 << 20).content_types(["application/json"])?)`.
//!
//! # Rejections
//!
//! [`BodyTooLarge`](crate::RejectionKind::BodyTooLarge), status 413 (RFC 9110, section 15.5.14), with the
//! limit that was passed as detail; [`UnsupportedMediaType`](crate::RejectionKind::UnsupportedMediaType),
//! 415, with `Accept` for a type and `Accept-Encoding` for a coding (section 15.5.16);
//! [`ExpectationFailed`](crate::RejectionKind::ExpectationFailed), 417 (section 15.5.18).
//!
//! # Security considerations
//!
//! A type is what the client says: what is in the body is for the application to check. Codings are
//! decoded by tower-http, four KiB at a time: of a bomb there is never more in memory than a decoder
//! holds, which is 32 KiB for gzip and deflate, up to 16 MiB for brotli, and for zstd as much as came out,
//! in a window of up to 128 MiB of address space (RFC 9659 asks for 8 MiB). Limit how many requests are
//! served at once. A signature or a digest of a body that covers its coding must be checked above.

#[cfg(feature = "decompression")]
mod coding;
mod guard;
mod media;
#[cfg(test)]
mod tests;

#[cfg(feature = "decompression")]
pub use self::coding::DEFAULT_RATIO;
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
