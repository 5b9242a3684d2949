//! Tower layers that turn a hyper or axum app into a production HTTP edge.
//!
//! [`Edge`] is all of them, in the one right order. Each also works alone, in any hyper or axum
//! app; its module says what happens, what the client sees, and what is not covered.
//!
//! | layer | module | answers |
//! |---|---|---|
//! | client address | [`client_ip`] | |
//! | request ID | [`request_id`] | |
//! | observers: traces, metrics | [`observe`] | |
//! | secure headers | [`secure_headers`] | |
//! | `/health`, `/ready` | [`health`] | 200, 503 |
//! | panic recovery | [`catch_panic`] | 500 |
//! | deadline | [`timeout`] | 503, 504 |
//! | rate limit | [`rate_limit`] | 429 |
//! | body limit | [`body_limit`] | 413 |
//! | API key | [`api_key`] | 401 |
//!
//! Every answer of a layer is a [`Rejection`], rendered as a problem (RFC 9457) with the request
//! ID by [`ProblemJson`], or by a [`Respond`] of your own.
//!
//! # Quick start
//!
//! ```
//! # #[cfg(all(feature = "auth", feature = "rate-limit"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use portcullis::{
//!     Edge, Quota,
//!     api_key::{ApiKey, Keys},
//! };
//!
//! let key = ApiKey::generate("pk")?;
//! let edge = Edge::new()
//!     .api_keys(Keys::from(&key))
//!     .rate_limit(Quota::per_second(10).burst(20))
//!     .build()?;
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(edge);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "auth", feature = "rate-limit")))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `auth` | on | [`api_key`] |
//! | `rate-limit` | on | [`rate_limit`], on governor |
//! | `server` | on | [`serve()`], on hyper |
//!
//! A feature adds; it never changes what the others do.

#[cfg(feature = "auth")]
pub mod api_key;
pub mod body_limit;
pub mod catch_panic;
pub mod client_ip;
pub mod edge;
pub mod health;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
pub mod request_id;
pub mod secure_headers;
#[cfg(feature = "server")]
pub mod serve;
pub mod timeout;

pub use portcullis_core::*;

#[cfg(feature = "server")]
pub use self::serve::serve;
pub use self::{
    edge::{Edge, EdgeLayer, EdgeService},
    health::Health,
};
