//! Test helpers for portcullis layers, and for yours.
//!
//! [`contract!`] asserts what every layer promises; the functions beside it keep tests short.
//! [`FaultServer`] is an upstream on loopback that fails as it is told.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis::timeout::TimeoutLayer;
//! use portcullis_test::{after, contract, request, send};
//! use tower_layer::Layer;
//!
//! const LIMIT: Duration = Duration::from_secs(1);
//!
//! contract!(TimeoutLayer::new(LIMIT));
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let response = send(TimeoutLayer::new(LIMIT).layer(after(LIMIT * 2)), request("/")).await;
//! assert_eq!(response.status(), 503);
//! # }
//! ```

mod bodies;
mod contract;
mod fault;
mod log;
mod quota_store;
mod service;

pub use self::{
    bodies::{Chunks, OwnBody},
    contract::{Later, Probe, check_contract},
    fault::{Fault, FaultServer},
    log::logged,
    quota_store::check_quota_store,
    service::{Test, after, echo, ok, request, send, service, text},
};

/// What [`contract!`] needs where it is used.
#[doc(hidden)]
pub mod __private {
    pub use tower_layer::Layer;
}

/// The body of every test.
pub type Body = http_body_util::Full<bytes::Bytes>;

/// Alias for a type-erased error type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
