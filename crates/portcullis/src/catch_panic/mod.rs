//! Turns panics into responses.
//!
//! # What happens
//!
//! A panic in the handler, in its future or in a layer below is answered with a 500
//! [rejection](crate::Rejection). A panic in the response body, after the head was sent, ends the
//! body with an error: HTTP/1 closes the connection without the last chunk, HTTP/2 resets the
//! stream, and the connection's other streams go on. Either way nothing of the panic's message
//! reaches the client.
//!
//! A panic in a task that the handler spawned, or in a destructor that runs after the answer, is
//! not covered. Neither is anything in a build with `panic = "abort"`.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::catch_panic::CatchPanicLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let broken = service_fn(|_: Request<Full<Bytes>>| async {
//!     if true {
//!         panic!("the password is 12345");
//!     }
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//! });
//! let response = CatchPanicLayer::new().layer(broken).oneshot(Request::default()).await?;
//!
//! assert_eq!(response.status(), 500);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Above every layer that runs code of others: guards ask stores. Below everything that decorates
//! or watches answers.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`CatchPanicLayer::off`] | on | |
//! | [`respond_with`](CatchPanicLayer::respond_with) | [`ProblemJson`](crate::ProblemJson) | |
//!
//! # Rejections
//!
//! [`Panicked`](crate::RejectionKind::Panicked), status 500.
//!
//! # Telemetry
//!
//! One `ERROR` event (target `portcullis`) for each panic, with `request_id`, `location`, and
//! `panic`: its text in Rust's escaped form, cut after 256 characters.
//!
//! Only a panic hook knows where a panic came from. The first layer made installs one in front of
//! the hook that is there: it notes the place of panics below this layer, and hands all others on. That
//! way a caught panic is logged once, not twice. A panic that the application catches itself is a `WARN`
//! event, for at most eight of them below one call.

mod part;
#[cfg(test)]
mod tests;

pub use self::part::CatchPanic;
pub use crate::engine::BodyPanicked;
use crate::engine::{Alone, Plain, Wrapped};

/// Turns panics into responses. See the [module docs](self) for an example.
pub type CatchPanicLayer = Alone<CatchPanic, (Plain, Wrapped)>;

impl CatchPanicLayer {
    /// Creates a layer.
    ///
    /// The first one installs a panic hook: see [Telemetry](self#telemetry).
    #[must_use]
    pub fn new() -> Self {
        CatchPanic::new().into()
    }
}
