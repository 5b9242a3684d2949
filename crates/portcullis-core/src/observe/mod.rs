//! One service for everything that watches an exchange.
//!
//! Spans, metrics and access lines need the same life cycle: head, last byte, client gone, panic,
//! body error, and then exactly one end. [`Observe`] has it; an [`Observer`] only says what to
//! keep for one exchange, and what to do with it at the end.
//!
//! # What an observer sees
//!
//! | the exchange ends | [`Outcome`] | `error_type` |
//! |---|---|---|
//! | with the last byte of the body, or the head where there is no body | `Complete` | the status if 5xx, `panic` or `timeout` for those [rejections](crate::Rejection) |
//! | because the client went away, before the head or during the body | `Aborted` | `client_disconnect` |
//! | with an error of the service or of the body | `Failed` | `service_error` or `body_error` |
//! | with a panic that nothing below caught | `Panicked` | `panic` |
//!
//! # Example
//!
//! ```
//! use std::sync::mpsc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, request};
//! use http_body_util::{BodyExt, Full};
//! use portcullis_core::{Exchange, ObserveLayer, Observer, Watch};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! #[derive(Clone)]
//! struct Log(mpsc::Sender<String>);
//!
//! struct Line(mpsc::Sender<String>, String);
//!
//! impl Observer for Log {
//!     type Watch = Line;
//!
//!     fn begin(&self, head: &request::Parts, _route: Option<&str>) -> Line {
//!         Line(self.0.clone(), format!("{} {}", head.method, head.uri))
//!     }
//! }
//!
//! impl Watch for Line {
//!     fn end(self, exchange: &Exchange<'_>) {
//!         let _ = self.0.send(format!("{}: {} bytes", self.1, exchange.response_bytes()));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (lines, log) = mpsc::channel();
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let response = ObserveLayer::new(Log(lines)).layer(hello).oneshot(Request::default()).await?;
//! response.into_body().collect().await?;
//!
//! assert_eq!(log.try_recv()?, "GET /: 5 bytes");
//! # Ok(())
//! # }
//! ```

mod body;
mod exchange;
mod future;
mod layer;
mod method;
mod observer;
mod record;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    body::ObservedBody,
    exchange::{Exchange, Outcome},
    future::ResponseFuture,
    layer::ObserveLayer,
    method::known_method,
    observer::{Observer, Watch},
    service::Observe,
};
