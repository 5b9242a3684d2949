//! Plain routes.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    response::IntoResponse,
};
use bytes::Bytes;
use http::{StatusCode, header};
use portcullis::{ClientIp, Principal, RequestId};
use portcullis_axum::Fact;
use portcullis_prometheus::Metrics;
use serde::{Deserialize, Serialize};

use crate::{app::Demo, dependencies::Answer};

/// What the application learns from the edge.
#[derive(Debug, Serialize)]
pub(crate) struct Hello {
    hello: String,
    from: String,
    request_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Slow {
    #[serde(default)]
    ms: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    answer: Answer,
}

/// The configuration that is in force. No key, no digest.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    environment: String,
    keys: usize,
    quota: String,
    limit_probes: bool,
    trusted_proxies: String,
    body_limit_bytes: u64,
    drain_seconds: u64,
}

pub(crate) async fn hello(
    Fact(who): Fact<Principal>,
    Fact(ClientIp(ip)): Fact<ClientIp>,
    Fact(id): Fact<RequestId>,
) -> Json<Hello> {
    tracing::info!(principal = who.id(), "hello");
    Json(Hello {
        hello: who.id().to_owned(),
        from: ip.to_string(),
        request_id: id.to_string(),
    })
}

pub(crate) async fn echo(body: Bytes) -> Bytes {
    body
}

pub(crate) async fn slow(Query(Slow { ms }): Query<Slow>) -> String {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    format!("slept {ms} ms\n")
}

pub(crate) async fn panic() -> &'static str {
    panic!("the demo was asked to panic")
}

pub(crate) async fn metrics(State(demo): State<Demo>) -> impl IntoResponse {
    let content_type = [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)];
    (content_type, demo.metrics.encode())
}

pub(crate) async fn config(State(demo): State<Demo>) -> Json<Shown> {
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

/// How often a dependency was checked.
pub(crate) async fn checks(
    State(demo): State<Demo>,
    Path(name): Path<String>,
) -> Result<String, StatusCode> {
    let dependency = demo.dependency(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(dependency.checks().to_string())
}

/// Sets whether a dependency is well, fails or hangs.
pub(crate) async fn set_check(
    State(demo): State<Demo>,
    Path(name): Path<String>,
    Query(Check { answer }): Query<Check>,
) -> Result<StatusCode, StatusCode> {
    let dependency = demo.dependency(&name).ok_or(StatusCode::NOT_FOUND)?;
    dependency.set(answer);
    Ok(StatusCode::NO_CONTENT)
}
