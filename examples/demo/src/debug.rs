//! Routes of development: what is in force, what callers need, and what a browser cannot send.

use std::{collections::BTreeMap, io, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    routing::{get, post},
};
use http::{HeaderMap, Request, StatusCode, header::HOST};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::Demo,
    dependencies::Answer,
    probes::{self, Probe},
    raw, rehearsal,
    seen::Identity,
};

pub(crate) fn router() -> Router<Demo> {
    Router::new()
        .route("/debug/config", get(config))
        .route("/debug/checks/{name}", get(checks).post(set_check))
        .route("/debug/no-host", get(no_host))
        .route("/debug/drain", get(drain))
        .route("/debug/token", get(token))
        .route("/debug/sign", post(sign))
        .route("/debug/lockout", get(lockout))
        .route("/debug/preflights", get(preflights))
        .route("/debug/forms", get(forms))
        .route("/debug/seen/{id}", get(seen))
}

#[derive(Debug, Deserialize)]
struct Check {
    answer: Answer,
}

#[derive(Debug, Deserialize)]
struct Issued {
    /// How many seconds ago.
    #[serde(default)]
    age: u64,
}

/// What a probe found, or what was in its way.
type Probed = Result<Json<Vec<Probe>>, (StatusCode, String)>;

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

/// A token for `/api/token`, good for five minutes since it was issued.
async fn token(
    State(demo): State<Demo>,
    Query(Issued { age }): Query<Issued>,
) -> Result<String, StatusCode> {
    let issuer = demo.config.issuer.as_ref();
    let issuer = issuer.ok_or(StatusCode::NOT_FOUND)?;
    Ok(issuer.token("ann", Duration::from_secs(age)))
}

/// The fields that sign a request to `/api/signed` with this body.
async fn sign(
    State(demo): State<Demo>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<BTreeMap<String, String>>, StatusCode> {
    let signatures = demo.config.signatures.as_ref();
    let signer = &signatures.ok_or(StatusCode::NOT_FOUND)?.signer;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let target = format!("http://{}/api/signed", host.unwrap_or_default());
    let request = Request::post(target).body(());
    let (mut head, ()) = request.map_err(|_| StatusCode::BAD_REQUEST)?.into_parts();
    let signed = signer.sign(&mut head, Some(&body));
    signed.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let fields = head.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    Ok(Json(fields.collect()))
}

/// All that has the ID of a request: its span, its lines of the log, and the series that counted it.
async fn seen(State(demo): State<Demo>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let seen = demo.seen.as_ref().ok_or(StatusCode::NOT_FOUND)?;
    // Its access line is written by another thread.
    tokio::time::sleep(WRITTEN).await;
    let Identity { span, lines } = seen.identity(&id).ok_or(StatusCode::NOT_FOUND)?;
    let route = format!("http_route={}", span["http.route"]);
    let status = format!("code=\"{}\"", span["http.response.status_code"]);
    let metrics = demo.metrics.encode();
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with(COUNTS) && line.contains(&route) && line.contains(&status));
    let counts: Vec<_> = counts.collect();
    Ok(Json(
        json!({"span": span, "lines": lines, "metric": counts}),
    ))
}

async fn lockout(State(demo): State<Demo>) -> Probed {
    probed(probes::lockout(&demo).await)
}

async fn preflights(State(demo): State<Demo>) -> Probed {
    probed(probes::preflights(&demo).await)
}

async fn forms(State(demo): State<Demo>) -> Probed {
    probed(probes::forms(&demo).await)
}

fn probed(found: io::Result<Vec<Probe>>) -> Probed {
    let problem = |error| (StatusCode::BAD_GATEWAY, format!("{error}\n"));
    found.map(Json).map_err(problem)
}

/// Another server starts, is asked, and stops; each line is sent as it happens.
async fn drain() -> Body {
    Body::from_stream(rehearsal::lines())
}

const COUNTS: &str = "http_server_request_duration_seconds_count";

/// How long the end of an exchange may take to be seen.
const WRITTEN: Duration = Duration::from_millis(200);
