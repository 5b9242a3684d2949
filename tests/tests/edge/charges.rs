//! What requests are charged, when, and what never comes back.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use portcullis::{
    BoxError, Charge, ClientIp, Count, Counts, Edge, Exchange, Facts, Observer, Outcome, Quota,
    QuotaStore, Standing,
    body_limit::RequestBody,
    edge::GuardLayer,
    rate_limit::{Key, KeyBy, Limiter, MemoryStore, Policy, Prefixes, RateLimit, RateLimitLayer},
};
use tokio::time::advance;
use tower::{Layer, ServiceExt, service_fn};

use crate::ends::Ends;

type Body = Full<Bytes>;

fn from(ip: &str) -> Request<Body> {
    let request = Request::get("/").header("host", "localhost");
    let mut request = request.body(Body::default()).unwrap();
    Facts::of_mut(request.extensions_mut()).set(ClientIp(ip.parse().unwrap()));
    request
}

fn with(ip: &str, name: &'static str, value: &str) -> Request<Body> {
    let mut request = from(ip);
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// Answers with the status that is asked for, and a body: the exchange lasts as long as that.
async fn app<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    let status = request.headers().get("status");
    let status = status.map_or("200", |status| status.to_str().unwrap());
    let response = Response::builder().status(status);
    Ok(response.body(Body::from("x")).unwrap())
}

macro_rules! ask {
    ($guard:expr, $request:expr) => {
        GuardLayer::from($guard.clone())
            .layer(service_fn(app))
            .oneshot($request)
            .await
            .unwrap()
    };
}

macro_rules! status {
    ($guard:expr, $request:expr) => {
        ask!($guard, $request).status().as_u16()
    };
}

fn limit(policy: Policy) -> RateLimit {
    RateLimit::try_new([policy]).unwrap().jitter(false)
}

fn count(counts: &[Count], name: &str, policy: &str) -> u64 {
    let text = format!("{counts:?}");
    counts
        .iter()
        .find(|count| {
            let one = format!("{count:?}");
            one.contains(&format!("\"{name}\"")) && one.contains(&format!("\"{policy}\""))
        })
        .map(|count| count.value)
        .unwrap_or_else(|| panic!("{name} {policy}: {text}"))
}

#[tokio::test(start_paused = true)]
async fn a_cost_beyond_the_burst_is_not_paid_back() {
    let policy = Policy::new("p", Quota::per_hour(10))
        .cost(|_| 100)
        .cost_after(|_| 50);
    let limit = limit(policy);
    assert_eq!(status!(limit, from("192.0.2.1")), 200);
    advance(Duration::from_millis(1)).await;
    let mut served = 1;
    for _ in 0..20 {
        advance(Duration::from_millis(1)).await;
        served += usize::from(status!(limit, from("192.0.2.1")) == 200);
    }
    assert_eq!(served, 1, "each costs 50 of a burst of 10");
}

#[tokio::test(start_paused = true)]
async fn what_is_free_at_first_costs_in_the_end() {
    let policy = Policy::new("p", Quota::per_hour(10))
        .cost(|_| 0)
        .cost_after(|_| 10);
    let limit = limit(policy);
    let mut served = 0;
    for _ in 0..50 {
        served += usize::from(status!(limit, from("192.0.2.1")) == 200);
    }
    assert!(served <= 2, "{served} requests that cost the burst each");
}

#[tokio::test(start_paused = true)]
async fn a_shared_quota_is_not_refilled_by_refunds_of_others() {
    let policy = Policy::new("p", Quota::per_second(10))
        .cost(|_| 5)
        .cost_after(|ended| if ended.status.unwrap() == 202 { 0 } else { 5 });
    let limit = limit(policy).max_keys(0);
    // Ten of them: they refill while they last.
    let mut slow = Vec::new();
    for n in 0..10 {
        slow.push(ask!(
            limit,
            with(&format!("198.51.100.{n}"), "status", "202")
        ));
    }
    advance(Duration::from_secs(2)).await;
    for n in 0..10 {
        for _ in 0..2 {
            assert_eq!(status!(limit, from(&format!("192.0.2.{n}"))), 200);
        }
    }
    // No place is left. Strangers share one quota of 10.
    let mut served = 0;
    for n in 0..20 {
        served += usize::from(status!(limit, from(&format!("203.0.113.{n}"))) == 200);
    }
    assert_eq!(served, 2);
    for (n, response) in slow.into_iter().enumerate() {
        drop(response);
        served += usize::from(status!(limit, from(&format!("203.0.113.10{n}"))) == 200);
    }
    assert_eq!(served, 2, "at once, of a quota of 10 at 5 each");
}

#[tokio::test(start_paused = true)]
async fn what_has_refilled_is_not_paid_back_again() {
    let policy = Policy::new("p", Quota::per_second(2))
        .cost_after(|ended| u32::from(ended.status.unwrap() != 202));
    let limit = limit(policy);
    let mut slow = Vec::new();
    for _ in 0..50 {
        let response = ask!(limit, with("192.0.2.1", "status", "202"));
        assert_eq!(response.status(), 202);
        slow.push(response);
        advance(Duration::from_millis(500)).await;
    }
    advance(Duration::from_secs(2)).await;
    let mut served = 0;
    for response in slow {
        served += usize::from(status!(limit, from("192.0.2.1")) == 200);
        drop(response);
    }
    assert!(
        served <= 3,
        "{served} requests that cost 1, at once, of a burst of 2"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_charged_after_a_reload_is_as_many_requests() {
    let policy = |quota| {
        Policy::new("p", quota).cost_after(|ended| if ended.status.unwrap() == 202 { 2 } else { 1 })
    };
    let limit = limit(policy(Quota::per_second(10)));
    let slow = ask!(limit, with("192.0.2.1", "status", "202"));
    limit.set_policies([policy(Quota::per_hour(10))]).unwrap();
    advance(Duration::from_secs(10)).await;
    drop(slow);
    let mut served = 0;
    while status!(limit, from("192.0.2.1")) == 200 {
        served += 1;
    }
    assert_eq!(served, 8, "2 of 10 were spent");
}

// The same: a download that began before a reload is free.
#[tokio::test(start_paused = true)]
async fn what_is_charged_after_a_reload_is_charged() {
    let policy = |quota| {
        Policy::new("p", quota).cost_after(|ended| {
            if ended.status.unwrap() == 202 {
                1_000_000
            } else {
                1
            }
        })
    };
    let limit = limit(policy(Quota::per_minute(1_000_000)));
    let slow = ask!(limit, with("192.0.2.1", "status", "202"));
    limit
        .set_policies([policy(Quota::per_minute(900_000))])
        .unwrap();
    advance(Duration::from_secs(61)).await;
    drop(slow);
    assert_eq!(status!(limit, from("192.0.2.1")), 200, "one is left");
    assert_eq!(status!(limit, from("192.0.2.1")), 429);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_that_of_ones_own_tier() {
    let days = Duration::from_secs(86_400 * 1000);
    let policy = Policy::new("p", Quota::per_second(10))
        .tier("slow", Quota::new(1, days).unwrap())
        .tier_by(|head| Some(head.headers.get("tier")?.to_str().ok()?.into()));
    let limit = limit(policy);
    assert_eq!(status!(limit, with("192.0.2.1", "tier", "slow")), 200);
    let refused = ask!(limit, from("192.0.2.1"));
    assert_eq!(refused.status(), 429);
    let wait = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .to_owned();
    advance(Duration::from_secs(1)).await;
    let later = status!(limit, from("192.0.2.1"));
    assert_eq!((wait.as_str(), later), ("1", 200));
}

#[test]
fn everything_that_is_wrong_is_said() {
    let quota = Quota::per_hour(5);
    let policy = Policy::new("p", quota)
        .tier("a", quota)
        .tier("a", quota)
        .tier("b", quota)
        .tier("b", quota);
    let error = RateLimit::try_new([policy]).unwrap_err().to_string();
    assert!(
        error.contains("\"a\"") && error.contains("\"b\""),
        "{error}"
    );
}

#[test]
fn the_ipv6_loopback_has_a_quota_of_its_own() {
    let limiter = Limiter::new(Quota::per_hour(1));
    assert!(limiter.check(&Key::Unknown).is_ok());
    let loopback = Key::from_address("::1".parse().unwrap(), Prefixes::SUBSCRIBER);
    assert_ne!(loopback, Key::Unknown);
    assert!(limiter.check(&loopback).is_ok());
}

#[test]
fn a_check_of_no_cost_spends_nothing() {
    let limiter = Limiter::new(Quota::per_hour(1));
    let key = Key::from_name("a");
    limiter.check_at(&key, limiter.now(), 0).unwrap();
    assert!(limiter.check(&key).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_head_request_is_no_bytes() {
    let policy = Policy::new("p", Quota::per_hour(1000)).content_bytes();
    let layer = RateLimitLayer::try_new([policy]).unwrap();
    let head = service_fn(|_: Request<Body>| async {
        let response = Response::builder().header("content-length", "1000000");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    for n in 0..3 {
        let mut request = from("192.0.2.1");
        *request.method_mut() = Method::HEAD;
        let response = layer.layer(head).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "request {n} had no byte of a body");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_as_many_bytes_as_it_declares() {
    let policy = Policy::new("p", Quota::per_hour(1000)).content_bytes();
    let layer = RateLimitLayer::try_new([policy]).unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let mut request = with("192.0.2.1", "content-length", "1000000");
        *request.method_mut() = Method::POST;
        *request.body_mut() = Body::from(vec![0; 1_000_000]);
        let service = layer.layer(service_fn(app::<Body>));
        last = service.oneshot(request).await.unwrap().status().as_u16();
    }
    assert_eq!(last, 429, "2 MB were uploaded, of 1000 bytes an hour");
}

struct Watching;

impl Observer for Watching {
    fn end(&self, _: &Exchange) {}
}

#[tokio::test]
async fn a_head_request_ends_complete() {
    let mut outcomes = Vec::new();
    for watched in [true, false] {
        let ends = Ends::default();
        let edge = Edge::new().guard(portcullis::Slot::RateLimit, ends.clone());
        let edge = if watched {
            edge.observe(Watching)
        } else {
            edge
        };
        let service = edge
            .build()
            .unwrap()
            .layer(service_fn(app::<RequestBody<Body>>));
        let mut request = from("192.0.2.1");
        *request.method_mut() = Method::HEAD;
        drop(service.oneshot(request).await.unwrap());
        outcomes.push(ends.0.lock().unwrap()[0].2);
    }
    assert_eq!(outcomes, [Outcome::Complete, Outcome::Complete]);
}

/// A body that is declared and never sent.
struct Declared(u64);

impl http_body::Body for Declared {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_never_came_are_not_counted() {
    let policy = Policy::new("all", Quota::per_minute(1_000_000))
        .content_bytes()
        .by(KeyBy::global());
    let edge = Edge::new()
        .rate_limit(limit(policy))
        .body_limit(1000_u64)
        .build()
        .unwrap();
    let service = edge.layer(service_fn(app::<RequestBody<Declared>>));
    let request = |bytes| {
        let (head, _) = from("192.0.2.1").into_parts();
        Request::from_parts(head, Declared(bytes))
    };
    let refused = service.clone().oneshot(request(u64::MAX)).await.unwrap();
    assert_eq!(refused.status(), 413);
    drop(refused);
    let other = service.oneshot(request(0)).await.unwrap();
    assert_eq!(other.status(), 200, "another client");
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_spends_nothing_of_a_dry_run_either() {
    let policies = || {
        [
            Policy::new("force", Quota::per_hour(1)),
            Policy::new("dry", Quota::per_hour(3)).dry_run(),
        ]
    };
    let alone = RateLimit::try_new(policies()).unwrap();
    let shared = RateLimit::try_new(policies())
        .unwrap()
        .shared(MemoryStore::new(64));
    for _ in 0..6 {
        status!(alone, from("192.0.2.1"));
        status!(shared, from("192.0.2.1"));
    }
    let name = "portcullis_rate_limit_dry_run_refused";
    assert_eq!(count(&Counts::counts(&alone), name, "dry"), 0);
    assert_eq!(count(&Counts::counts(&shared), name, "dry"), 0);
}

/// Fails when it is told to, and counts how often it was asked.
#[derive(Clone, Default)]
struct Flaky {
    asked: Arc<AtomicU32>,
    fails: Arc<AtomicU32>,
}

impl QuotaStore for Flaky {
    type Future = Ready<Result<Vec<Standing>, BoxError>>;

    fn spend(&self, charges: Vec<Charge>) -> Self::Future {
        self.asked.fetch_add(1, SeqCst);
        ready(if self.fails.load(SeqCst) == 1 {
            Err("down".into())
        } else {
            let one =
                |charge: &Charge| Standing::new(Duration::ZERO, Duration::ZERO, charge.requests);
            Ok(charges.iter().map(one).collect())
        })
    }
}

// shared/mod.rs:10-12: "After three failures in a row it is asked no more, but for one request a
// second".
#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_not_asked() {
    let store = Flaky::default();
    let policy = Policy::new("p", Quota::per_hour(1000)).cost_after(|_| 2);
    let limit = limit(policy).shared(store.clone());
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(ask!(limit, from("192.0.2.1")));
    }
    store.fails.store(1, SeqCst);
    for _ in 0..3 {
        status!(limit, from("192.0.2.1"));
    }
    let asked = store.asked.load(SeqCst);
    status!(limit, from("192.0.2.1"));
    assert_eq!(store.asked.load(SeqCst), asked, "given a rest");
    drop(slow);
    tokio::task::yield_now().await;
    assert_eq!(store.asked.load(SeqCst), asked, "given a rest");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_an_exempt_network_is_exempt() {
    let policy =
        Policy::new("p", Quota::per_hour(1)).exempt_networks(["127.0.0.0/8".parse().unwrap()]);
    let layer = RateLimitLayer::try_new([policy])
        .unwrap()
        .peer_from(|_| Some("127.0.0.1:80".parse().unwrap()));
    for _ in 0..3 {
        let request = Request::get("/").body(Body::default()).unwrap();
        let response = layer
            .layer(service_fn(app::<Body>))
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "127.0.0.1 is exempt");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_is_left() {
    let policy = Policy::new("p", Quota::per_hour(10))
        .cost(|head| head.headers.get("cost").map_or(1, |_| 8));
    let limit = limit(policy);
    assert_eq!(status!(limit, with("192.0.2.1", "cost", "8")), 200);
    let refused = ask!(limit, with("192.0.2.1", "cost", "8"));
    assert_eq!(refused.status(), 429);
    let told = refused.headers()["ratelimit"].to_str().unwrap().to_owned();
    assert_eq!(
        status!(limit, from("192.0.2.1")),
        200,
        "there was something left"
    );
    assert!(told.contains(";r=2;"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn one_request_is_paid_back_as_one() {
    let day = Duration::from_secs(86_400);
    let policy = Policy::new("p", Quota::per_second(10))
        .tier("slow", Quota::new(1, day).unwrap())
        .tier_by(|head| Some(head.headers.get("tier")?.to_str().ok()?.into()))
        .cost_after(|ended| u32::from(ended.status.unwrap() != 202));
    let limit = limit(policy);
    let mut request = with("192.0.2.1", "tier", "slow");
    request
        .headers_mut()
        .insert("status", "202".parse().unwrap());
    let slow = ask!(limit, request);
    assert_eq!(slow.status(), 202);
    // The tier changes: at most a burst is spent of it.
    assert_eq!(status!(limit, from("192.0.2.1")), 429);
    advance(Duration::from_secs(1)).await;
    let mut served = 0;
    while status!(limit, from("192.0.2.1")) == 200 {
        served += 1;
    }
    assert_eq!(served, 10);
    drop(slow);
    while status!(limit, from("192.0.2.1")) == 200 {
        served += 1;
    }
    assert!(
        served <= 11,
        "{served} at once, of a burst of 10 and one that was paid back"
    );
}
