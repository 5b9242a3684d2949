//! One service for every layer that either admits a request or answers it.
//!
//! A [`Guard`] looks at the head of a request and gives a [`Verdict`]; [`Gate`] does the rest:
//! readiness, the future, the rejection and its response. Writing a guard is writing a function.
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, future::Ready};
//!
//! use bytes::Bytes;
//! use http::{Request, Response, request};
//! use http_body_util::Full;
//! use portcullis_core::{GateLayer, Guard, Rejection, RejectionKind, Verdict};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! #[derive(Clone)]
//! struct OfficeHours {
//!     open: bool,
//! }
//!
//! impl Guard for OfficeHours {
//!     type Permit = ();
//!     type Future = Ready<Result<(), Rejection>>;
//!
//!     fn admit(&self, _head: &request::Parts) -> Verdict<(), Self::Future> {
//!         match self.open {
//!             true => Verdict::Admit(()),
//!             false => Verdict::Reject(RejectionKind::Unavailable.into()),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let hello = service_fn(|_: Request<Full<Bytes>>| async {
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = GateLayer::new(OfficeHours { open: false }).layer(hello);
//!
//! let response = service.oneshot(Request::default()).await?;
//! assert_eq!(response.status(), 503);
//! assert_eq!(response.headers()["content-type"], "application/problem+json");
//! # Ok(())
//! # }
//! ```

mod future;
mod guard;
mod layer;
mod option;
mod public;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    guard::{Guard, Off, Permit, Verdict},
    layer::GateLayer,
    option::OptionFuture,
    public::{PublicPaths, UnlessPublic},
    service::Gate,
};
