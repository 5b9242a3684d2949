//! The stacks that others' crates make, each around the same route.

use axum::{Router, extract::Path, routing::get};

pub(crate) mod alone;
pub(crate) mod full;
mod key_check;
mod layers;
mod trace;

/// One route and no layer.
pub(crate) fn bare() -> Router {
    Router::new().route("/u/{id}", get(user))
}

async fn user(Path(id): Path<u32>) -> String {
    format!("user {id}")
}
