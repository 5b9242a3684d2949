//! The application: the routes of the demo.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Query,
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::time::sleep;

#[derive(Debug, Deserialize)]
struct Slow {
    #[serde(default)]
    ms: u64,
}

/// All routes, and no layer.
pub(crate) fn router() -> Router {
    guarded().route("/health", health())
}

/// The routes that want a guard.
pub(crate) fn guarded() -> Router {
    Router::new()
        .route("/api/hello", get(async || "hello"))
        .route("/api/echo", post(async |body: Bytes| body))
        .route("/api/slow", get(slow))
        .route("/api/panic", get(panic))
        .route("/api/panic-body", get(panic_body))
        .route("/api/large", get(large))
}

/// What every limit lets through.
pub(crate) fn health() -> axum::routing::MethodRouter {
    get(async || "ok")
}

async fn slow(Query(Slow { ms }): Query<Slow>) -> &'static str {
    sleep(Duration::from_millis(ms)).await;
    "slept"
}

async fn panic() -> &'static str {
    panic!("the handler panics")
}

async fn panic_body() -> Body {
    let chunks = stream::iter(0..2).then(async |n| {
        sleep(Duration::from_millis(100)).await;
        assert!(n == 0, "the body panics");
        Ok::<_, Infallible>("the first chunk\n")
    });
    Body::from_stream(chunks)
}

/// 16 MiB.
async fn large() -> Body {
    const CHUNK: Bytes = Bytes::from_static(&[b'.'; 1 << 16]);
    Body::from_stream(stream::iter((0..256).map(|_| Ok::<_, Infallible>(CHUNK))))
}
