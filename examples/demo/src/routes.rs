//! Plain routes.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis::{ClientIp, Principal, RequestId};
use portcullis_axum::{Fact, Refused};
use serde::{Deserialize, Serialize};

use crate::app::Demo;

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

/// Takes long enough to be asked for another at the same time.
pub(crate) async fn report() -> &'static str {
    tokio::time::sleep(Duration::from_millis(500)).await;
    "a report\n"
}

/// Calls an upstream, behind its breaker.
pub(crate) async fn pay(
    State(demo): State<Demo>,
    Fact(id): Fact<RequestId>,
) -> Result<&'static str, Response> {
    let paid = demo.payments.pay().await;
    paid.map_err(|error| {
        tracing::warn!(%error, "not paid");
        match error.rejection() {
            Some(rejection) => Refused(rejection.with_request_id(Some(id))).into_response(),
            None => (StatusCode::BAD_GATEWAY, "the upstream failed\n").into_response(),
        }
    })
}

pub(crate) async fn panic() -> &'static str {
    panic!("the demo was asked to panic")
}

/// Below the edge, so that nobody without a key gets it.
pub(crate) async fn metrics(
    State(demo): State<Demo>,
    headers: HeaderMap,
) -> http::Response<String> {
    demo.metrics.respond(&headers)
}
