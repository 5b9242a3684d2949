//! Routes of development: what is in force, and what a browser cannot send.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    routing::get,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{app::Demo, dependencies::Answer, raw, rehearsal};

pub(crate) fn router() -> Router<Demo> {
    Router::new()
        .route("/debug/config", get(config))
        .route("/debug/checks/{name}", get(checks).post(set_check))
        .route("/debug/no-host", get(no_host))
        .route("/debug/drain", get(drain))
        .route("/debug/token", get(token))
}

#[derive(Debug, Deserialize)]
struct Check {
    answer: Answer,
}

/// The configuration that is in force. No key, no digest.
#[derive(Debug, Serialize)]
struct Shown {
    environment: String,
    keys: usize,
    quota: String,
    limit_probes: bool,
    trusted_proxies: String,
    body_limit_bytes: u64,
    drain_seconds: u64,
}

async fn config(State(demo): State<Demo>) -> Json<Shown> {
    let config = &demo.config;
    Json(Shown {
        environment: format!("{:?}", config.environment).to_lowercase(),
        keys: config.keys.len(),
        quota: config.quota.to_string(),
        limit_probes: config.limit_probes,
        trusted_proxies: config.trusted_proxies.clone(),
        body_limit_bytes: config.body_limit,
        drain_seconds: config.drain.as_secs(),
    })
}

/// How often a dependency was called.
async fn checks(State(demo): State<Demo>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let dependency = demo.dependency(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(dependency.calls().to_string())
}

/// Sets whether a dependency is well, fails or hangs.
async fn set_check(
    State(demo): State<Demo>,
    Path(name): Path<String>,
    Query(Check { answer }): Query<Check>,
) -> Result<StatusCode, StatusCode> {
    let dependency = demo.dependency(&name).ok_or(StatusCode::NOT_FOUND)?;
    dependency.set(answer);
    Ok(StatusCode::NO_CONTENT)
}

/// The raw answer of this server to a request without `Host`.
async fn no_host(State(demo): State<Demo>) -> Result<String, StatusCode> {
    let request = "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n";
    let answer = raw::ask(demo.address, request).await;
    answer.map_err(|_| StatusCode::BAD_GATEWAY)
}

/// A token for `/api/token`, good for five minutes.
async fn token(State(demo): State<Demo>) -> Result<String, StatusCode> {
    let issuer = demo.config.issuer.as_ref();
    let issuer = issuer.ok_or(StatusCode::NOT_FOUND)?;
    Ok(issuer.token("ann"))
}

/// Another server starts, is asked, and stops; each line is sent as it happens.
async fn drain() -> Body {
    Body::from_stream(rehearsal::lines())
}
