//! The stacks that others' crates make, each around the same route. Their layers are those of the
//! package `peers`.

use std::time::Duration;

use axum::{Router, extract::Path, routing::get};
use tower::layer::util::Identity;

pub(crate) mod alone;
pub(crate) mod full;
pub(crate) mod observed;
mod trace;

/// One route and no layer.
pub(crate) fn bare() -> Router {
    Router::new().route("/u/{id}", get(user))
}

/// The same below a layer that returns the service as it is.
pub(crate) fn identity() -> Router {
    bare().layer(Identity::new())
}

async fn user(Path(id): Path<u32>) -> String {
    format!("user {id}")
}

/// What a handler may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
