//! What requests are charged once it is known what came of them.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis_core::{Cost, Ended, Quota, RejectionKind};
use portcullis_test::{Body, Chunks, send};
use tokio::time::advance;
use tower::{Layer, ServiceExt, service_fn};

use super::{from, items};
use crate::{
    edge::GuardLayer,
    rate_limit::{InFlight, InFlightLayer, Policy, RateLimit, RateLimitLayer},
};

/// Answers with the status that the request asks for.
async fn asked_for(request: Request<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = request.headers()["status"].to_str().unwrap();
    let response = Response::builder().status(status);
    Ok(response.body(Full::default()).unwrap())
}

/// Five for a 401, nothing for a 304.
fn by_status(ended: &Ended) -> u32 {
    match ended.status.map_or(0, |status| status.as_u16()) {
        401 => 5,
        304 => 0,
        _ => 1,
    }
}

async fn ask(layer: &RateLimitLayer, status: &'static str) -> u16 {
    let mut request = from("192.0.2.1");
    request
        .headers_mut()
        .insert("status", status.parse().unwrap());
    let service = layer.layer(service_fn(asked_for));
    service.oneshot(request).await.unwrap().status().as_u16()
}

fn by(cost_after: impl Fn(&Ended) -> u32 + Send + Sync + 'static) -> RateLimitLayer {
    let policy = Policy::new("p", Quota::per_hour(10)).cost_after(cost_after);
    RateLimitLayer::try_new([policy]).unwrap().jitter(false)
}

async fn left(layer: &RateLimitLayer) -> usize {
    let mut left = 0;
    while ask(layer, "200").await == 200 {
        left += 1;
    }
    left
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_costs_five() {
    let layer = by(by_status);

    assert_eq!(ask(&layer, "401").await, 401);
    assert_eq!(left(&layer).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_handler_says_what_its_request_cost() {
    let layer = by(|ended| ended.cost.unwrap_or(1));
    let failed = service_fn(async |_: Request<Body>| {
        let mut page = Response::new(Full::<Bytes>::from("wrong password"));
        page.extensions_mut().insert(Cost(5));
        Ok::<_, Infallible>(page)
    });
    layer
        .layer(failed)
        .oneshot(from("192.0.2.1"))
        .await
        .unwrap();

    assert_eq!(left(&layer).await, 5);
}

/// What another guard refuses is charged what it cost when it came, and no more.
#[cfg(feature = "auth")]
#[tokio::test(start_paused = true)]
async fn what_another_guard_refuses_is_not_charged_again() {
    use crate::{Edge, api_key::Keys};

    let policy = Policy::new("p", Quota::per_hour(10)).cost_after(|_| 5);
    let limit = RateLimit::try_new([policy]).unwrap();
    let edge = Edge::new().rate_limit(limit).api_keys(Keys::default());
    let service = edge.build().unwrap().layer(portcullis_test::echo());
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(
            send(service.clone(), from("192.0.2.1"))
                .await
                .status()
                .as_u16(),
        );
    }

    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10], 429);
}

#[tokio::test(start_paused = true)]
async fn a_304_costs_nothing() {
    let layer = by(by_status);
    for _ in 0..100 {
        assert_eq!(ask(&layer, "304").await, 304);
    }

    // A place that is not free has spent something, however little.
    assert_eq!(left(&layer).await, 9);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_costs_nothing() {
    let layer = by(|ended| {
        assert_ne!(ended.rejection, Some(RejectionKind::RateLimited));
        5
    });
    assert_eq!(ask(&layer, "200").await, 200);
    assert_eq!(ask(&layer, "200").await, 200);
    for _ in 0..100 {
        assert_eq!(ask(&layer, "200").await, 429);
    }
    advance(Duration::from_secs(360)).await;

    assert_eq!(ask(&layer, "200").await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_charged_afterwards_is_at_most_a_burst() {
    let layer = by(|_| u32::MAX);
    assert_eq!(ask(&layer, "200").await, 200);
    assert_eq!(ask(&layer, "200").await, 429);
    // 11 of 10 have been spent.
    advance(Duration::from_secs(2 * 360)).await;

    assert_eq!(ask(&layer, "200").await, 200);
}

/// Ten times 9 of 10 an hour: what is charged beyond the quota is waited for.
#[tokio::test(start_paused = true)]
async fn in_the_long_run_nobody_is_over_the_quota() {
    let layer = by(|_| 9);
    let (mut served, mut hours) = (0, 0.0);
    while served < 10 {
        served += usize::from(ask(&layer, "200").await == 200);
        advance(Duration::from_secs(36)).await;
        hours += 0.01;
    }

    // 10 at once, then 10 an hour: 9 of the last are still to come.
    assert!((6.9..=7.3).contains(&hours), "{hours}");
}

#[tokio::test(start_paused = true)]
async fn who_has_spent_most_waits_a_window() {
    let layer = by(|_| 10);
    assert_eq!(ask(&layer, "200").await, 200);
    advance(Duration::from_secs(360)).await;
    assert_eq!(ask(&layer, "200").await, 200, "1 of 10 is left");
    assert_eq!(ask(&layer, "200").await, 429);
    advance(Duration::from_secs(3599)).await;
    assert_eq!(ask(&layer, "200").await, 429);
    advance(Duration::from_secs(1)).await;

    assert_eq!(ask(&layer, "200").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_harms_nobody() {
    let layer = by(|_| panic!("of a function"));

    assert_eq!(ask(&layer, "200").await, 200);
    assert_eq!(left(&layer).await, 9);
}

fn bytes() -> GuardLayer<RateLimit> {
    let policy = Policy::new("traffic", Quota::per_hour(1_000)).content_bytes();
    RateLimit::try_new([policy]).unwrap().into()
}

static MANY: &str = match str::from_utf8(&[b'x'; 1000]) {
    Ok(many) => many,
    Err(_) => "",
};

/// Answers with so many bytes in two chunks, of which nobody knows the length.
async fn stream(layer: &GuardLayer<RateLimit>, sent: usize) -> Response<impl http_body::Body> {
    let service = service_fn(move |request: Request<_>| async move {
        let _ = BodyExt::collect(request.into_body()).await;
        let half = &MANY[..sent / 2];
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok(half), Ok(half)])))
    });
    layer
        .layer(service)
        .oneshot(from("192.0.2.1"))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn bytes_are_charged_when_they_have_been_sent() {
    let layer = bytes();
    let first = stream(&layer, 600).await;
    assert_eq!(
        items(&first.map(|_| Body::default()), "ratelimit-policy")[0].1,
        [("q".into(), 1000), ("w".into(), 3600)]
    );
    // Its body was dropped unread: nothing was sent.
    let second = stream(&layer, 600).await;
    let field = second.headers()["ratelimit-policy"].to_str().unwrap();
    assert!(field.ends_with(";qu=\"content-bytes\""), "{field}");
    let _ = BodyExt::collect(second.into_body()).await;

    let third = stream(&layer, 600).await;
    assert_eq!(third.status(), 200);
    let left = items(&third.map(|_| Body::default()), "ratelimit")[0].1[0].1;
    assert!((398..=400).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_pays_for_what_it_got() {
    let layer = bytes();
    let mut body = stream(&layer, 1_800).await.into_body();
    let _ = body.frame().await;
    drop(body);

    let next = stream(&layer, 2).await;
    let left = items(&next.map(|_| Body::default()), "ratelimit")[0].1[0].1;
    assert!((98..=100).contains(&left), "{left}");
}

/// The layer that leaves bodies alone counts what heads declare, and nothing where there is no body.
#[tokio::test(start_paused = true)]
async fn what_has_no_body_costs_no_bytes() {
    let policy = Policy::new("traffic", Quota::per_hour(1_000)).content_bytes();
    let layer = RateLimitLayer::try_new([policy]).unwrap();
    let declares = async |method: Method, status: u16| {
        let service = service_fn(move |_| async move {
            let response = Response::builder()
                .status(status)
                .header("content-length", "600");
            Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
        });
        let mut request = from("192.0.2.1");
        *request.method_mut() = method;
        layer
            .layer(service)
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };

    for _ in 0..3 {
        assert_eq!(declares(Method::HEAD, 200).await, 200);
        assert_eq!(declares(Method::GET, 304).await, 304);
    }
    assert_eq!(declares(Method::GET, 200).await, 200);
    assert_eq!(declares(Method::GET, 200).await, 200);
    assert_eq!(declares(Method::GET, 200).await, 429);
}

#[tokio::test(start_paused = true)]
async fn a_key_has_its_own_quota_before_its_tier() {
    let quota = Quota::per_hour;
    let policy = Policy::new("p", quota(1))
        .tier_by(|_| Some("gold".into()))
        .tier("gold", quota(2))
        .key("192.0.2.1", quota(3));
    let layer = RateLimitLayer::try_new([policy]).unwrap();
    let admitted = async |ip: &str| super::admitted(&layer, ip, 10).await;

    assert_eq!(admitted("192.0.2.1").await, 3);
    assert_eq!(admitted("192.0.2.2").await, 2);
}

#[test]
fn keys_that_are_none_are_told() {
    let quota = Quota::per_hour(1);
    let policies = [Policy::new("p", quota)
        .key("alice", quota)
        .key("bob", quota)
        .key("bob", quota)];

    assert_eq!(
        RateLimit::try_new(policies).unwrap_err().to_string(),
        "policy \"p\": the key \"bob\" is there twice; \
         policy \"p\": \"alice\" is no key of each address; \
         policy \"p\": \"bob\" is no key of each address; \
         policy \"p\": \"bob\" is no key of each address"
    );
}

#[test]
fn two_addresses_of_one_subscriber_are_one_key() {
    let quota = Quota::per_hour(1);
    let policy = Policy::new("p", quota)
        .key("2001:db8::1", quota)
        .key("2001:db8::2", quota);

    assert_eq!(
        RateLimit::try_new([policy]).unwrap_err().to_string(),
        "policy \"p\": \"2001:db8::1\" and \"2001:db8::2\" are one key"
    );
}

#[tokio::test]
async fn requests_in_flight_are_told_in_their_unit() {
    let layer = InFlightLayer::from(InFlight::new(1));
    let chunks =
        service_fn(|_| async { Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a")]))) });
    let first = layer
        .layer(chunks)
        .oneshot(from("192.0.2.1"))
        .await
        .unwrap();
    assert!(!first.headers().contains_key("ratelimit"));
    let refused = layer
        .layer(chunks)
        .oneshot(from("192.0.2.1"))
        .await
        .unwrap();
    let field = |name: &str| refused.headers()[name].to_str().unwrap();

    assert_eq!(
        field("ratelimit-policy"),
        "\"in-flight\";q=1;qu=\"concurrent-requests\""
    );
    assert_eq!(field("ratelimit"), "\"in-flight\";r=0");
    drop(first);
    let layer = InFlightLayer::from(InFlight::new(3).headers(true));
    let first = send(layer.layer(portcullis_test::echo()), from("192.0.2.1")).await;
    assert_eq!(first.headers()["ratelimit"], "\"in-flight\";r=2");
}
