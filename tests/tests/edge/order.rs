//! The order of the stack, by its effects.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, future::pending, time::Duration};

use http::{Request, Response};
use portcullis::{
    Edge, Health, Quota,
    api_key::{ApiKey, KeyRecord, Keys, Lookup},
};
use portcullis_prometheus::Metrics;
use portcullis_test::{OwnBody, send, text};
use tower::{Layer, service_fn};

type Body = portcullis_test::Body;

async fn hello<B>(_: Request<B>) -> Result<Response<OwnBody>, Infallible> {
    Ok(Response::new("hello".into()))
}

fn get(path: &str) -> Request<Body> {
    portcullis_test::request(path)
}

fn with_key(key: &ApiKey) -> Request<Body> {
    let mut request = get("/");
    let value = key.expose().parse().unwrap();
    request.headers_mut().insert("x-api-key", value);
    request
}

fn key() -> ApiKey {
    ApiKey::generate("pk").unwrap()
}

#[tokio::test(start_paused = true)]
async fn guesses_are_limited_before_they_are_checked() {
    let edge = Edge::new()
        .api_keys(Keys::default())
        .rate_limit(Quota::per_hour(1));
    let service = edge.build().unwrap().layer(service_fn(hello));

    assert_eq!(send(service.clone(), with_key(&key())).await.status(), 401);
    assert_eq!(send(service, with_key(&key())).await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_timed_out() {
    let store = |_: &str| Lookup::wait(pending::<Result<Option<KeyRecord>, Infallible>>());
    let edge = Edge::new().api_keys(store).timeout(Duration::from_secs(1));
    let service = edge.build().unwrap().layer(service_fn(hello));

    assert_eq!(send(service, with_key(&key())).await.status(), 503);
}

#[tokio::test]
async fn a_panic_in_a_guard_is_an_answer_like_any_other() {
    let store = |_: &str| -> Option<KeyRecord> { panic!("in the store") };
    let edge = Edge::new().api_keys(store).build().unwrap();
    let response = send(edge.layer(service_fn(hello)), with_key(&key())).await;

    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let problem = text(response).await;
    assert!(
        problem.contains(&id) && !problem.contains("store"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_anybody_asks_for_a_key() {
    let edge = Edge::new()
        .api_keys(Keys::default())
        .body_limit(3)
        .build()
        .unwrap();
    let request = Request::post("/").body(Body::from("four")).unwrap();

    assert_eq!(
        send(edge.layer(service_fn(hello)), request).await.status(),
        413
    );
}

#[tokio::test]
async fn probes_need_no_key_and_spend_no_quota() {
    let edge = Edge::new()
        .health(&Health::new())
        .api_keys(Keys::default())
        .rate_limit(Quota::per_hour(1));
    let service = edge.build().unwrap().layer(service_fn(hello));
    for _ in 0..15 {
        let response = send(service.clone(), get("/health")).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("ratelimit"));
        assert!(response.headers().contains_key("x-content-type-options"));
    }

    assert_eq!(send(service, get("/")).await.status(), 401);
}

#[tokio::test]
async fn probes_can_be_limited() {
    let edge = Edge::new()
        .health(&Health::new())
        .limit_probes(true)
        .rate_limit(Quota::per_hour(10));
    let service = edge.build().unwrap().layer(service_fn(hello));
    let mut statuses = Vec::new();
    for _ in 0..15 {
        statuses.push(send(service.clone(), get("/ready")).await.status().as_u16());
    }

    assert_eq!(statuses, [[200; 10].as_slice(), &[429; 5]].concat());
}

#[tokio::test(start_paused = true)]
async fn observers_see_what_layers_refuse() {
    let metrics = Metrics::new();
    let edge = Edge::new()
        .observe(metrics.clone())
        .api_keys(Keys::default())
        .body_limit(3)
        .rate_limit(Quota::per_hour(2));
    let service = edge.build().unwrap().layer(service_fn(hello));
    let large = Request::post("/").body(Body::from("four")).unwrap();
    for request in [get("/"), large, get("/")] {
        text(send(service.clone(), request).await).await;
    }

    let seen = metrics.encode();
    for labels in [
        "layer=\"api_key\",reason=\"unauthenticated\",policy=\"\"",
        "layer=\"body_limit\",reason=\"body-too-large\",policy=\"\"",
        "layer=\"rate_limit\",reason=\"rate-limited\",policy=\"default\"",
    ] {
        let line = format!("portcullis_rejections_total{{{labels}}} 1");
        assert!(seen.contains(&line), "{seen}");
    }
}

#[tokio::test]
async fn one_type_serves_every_configuration() {
    fn edge(keys: bool, quota: bool) -> Edge {
        Edge::new()
            .api_keys(keys.then(Keys::default))
            .rate_limit(quota.then_some(Quota::per_hour(1)))
    }

    let cases = [
        (false, false, 200, 200),
        (true, false, 401, 401),
        (false, true, 200, 429),
    ];
    for (keys, quota, first, second) in cases {
        let service = edge(keys, quota).build().unwrap().layer(service_fn(hello));
        assert_eq!(send(service.clone(), get("/")).await.status(), first);
        assert_eq!(send(service, get("/")).await.status(), second);
    }
}
