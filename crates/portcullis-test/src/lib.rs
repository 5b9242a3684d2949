//! Test helpers for portcullis layers, and for yours.
//!
//! [`contract!`] asserts what every layer promises; the functions beside it keep tests short.
//!
//! # Example
//!
//! ```
//! use portcullis_core::{GateLayer, Off};
//! use portcullis_test::{contract, echo, request, send};
//! use tower_layer::Layer;
//!
//! contract!(GateLayer::new(Off));
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let response = send(GateLayer::new(Off).layer(echo()), request("/")).await;
//! assert_eq!(response.status(), 200);
//! # }
//! ```

mod bodies;
mod contract;
mod log;
mod quota_store;
mod service;

pub use self::{
    bodies::{Chunks, OwnBody},
    contract::{Later, Probe, check_contract},
    log::logged,
    quota_store::check_quota_store,
    service::{Test, after, echo, request, send, service, text},
};

/// The body of every test.
pub type Body = http_body_util::Full<bytes::Bytes>;

/// Alias for a type-erased error type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
