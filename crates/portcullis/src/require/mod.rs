//! What a caller must be allowed to do.
//!
//! # What happens
//!
//! A request must be of a [`Principal`](crate::Principal) with the scopes or roles that a route wants. Who
//! is known and has not what is wanted gets 403, with `error="insufficient_scope"` and the scopes that
//! would do (RFC 6750, section 3.1). Who is not known gets 401, as from authentication.
//!
//! Whether this caller may see this very object is the application's to decide.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::{get, post}};
//! use portcullis::{Edge, api_key::Keys, require::{Require, RequireLayer}};
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! # let keys = Keys::default();
//! let write = RequireLayer::from(Require::scopes("write")?);
//! let app: Router = Router::new()
//!     .route("/posts", get(|| async { "posts" }).post(|| async { "written" }))
//!     .route("/import", post(|| async { "imported" }).layer(write))
//!     .layer(
//!         Edge::new()
//!             .api_keys(keys)
//!             .require(Require::scopes("read")?)
//!             .require(Require::any_role("admin")?.on(["/admin/*"])?)
//!             .build()?,
//!     );
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below authentication, which finds out who asks. An edge is not built where there is none.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Require::scopes`] | | every one of them is wanted |
//! | [`Require::any_role`] | | one of them is enough |
//! | [`Require::on`] | all requests; in an edge, all that are not public | what could be one of these; public paths too, where nobody is known |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Unauthenticated`](crate::RejectionKind::Unauthenticated) | 401 | nobody is known |
//! | [`Forbidden`](crate::RejectionKind::Forbidden) | 403 | a scope or a role is missing |
//!
//! # Security considerations
//!
//! A 403 tells which scopes a route wants, and that the credentials were right.

mod guard;
#[cfg(test)]
mod tests;

pub use self::guard::Require;
use crate::engine::{Alone, Plain};

/// Admits callers who may do something. See the [module docs](self) for an example.
pub type RequireLayer = Alone<Require, Plain>;
