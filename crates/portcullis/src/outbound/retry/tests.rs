//! Retries alone, over services that do what they are told.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use portcullis_core::{Count, Counts, Deadline, Facts};
use portcullis_test::{Body, OwnBody, Probe, contract, request, send};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Idempotent, RetryConfig, RetryLayer, Retryable, if_empty};

const SECOND: Duration = Duration::from_secs(1);

contract!(RetryLayer::new());

/// What tries came, and when.
#[derive(Clone, Debug, Default)]
struct Tries(Arc<Mutex<Vec<(Instant, HeaderMap, Bytes)>>>);

impl Tries {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Seconds between the first try and each.
    fn times(&self) -> Vec<f64> {
        let tries = self.0.lock().unwrap();
        let since = |at: &Instant| at.duration_since(tries[0].0).as_secs_f64();
        tries.iter().map(|(at, ..)| since(at)).collect()
    }
}

/// An upstream that always answers the same.
fn answers(
    tries: &Tries,
    status: u16,
    retry_after: Option<&'static str>,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = io::ErrorKind,
    Future: Send + 'static,
> + Clone
+ use<> {
    let tries = tries.clone();
    service_fn(move |request: Request<Body>| {
        let tries = tries.clone();
        async move {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let this = (Instant::now(), head.headers, body.to_bytes());
            tries.0.lock().unwrap().push(this);
            let mut response = Response::builder().status(status);
            if let Some(after) = retry_after {
                response = response.header("retry-after", after);
            }
            Ok(response.body(Body::default()).unwrap())
        }
    })
}

fn method(method: Method) -> Request<Body> {
    let mut request = request("/");
    *request.method_mut() = method;
    request
}

async fn tries_of(config: RetryConfig, request: Request<Body>, status: u16) -> usize {
    let tries = Tries::default();
    let service = config.build().unwrap().layer(answers(&tries, status, None));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), status);
    tries.count()
}

#[tokio::test(start_paused = true)]
async fn three_retries_follow_the_first_try_within_the_bounds_of_the_backoff() {
    let mut waited = 0.0;
    for _ in 0..20 {
        let tries = Tries::default();
        let layer = RetryConfig::new().dangerous_no_budget().build().unwrap();
        let service = layer.layer(answers(&tries, 503, None));
        assert_eq!(service.oneshot(request("/")).await.unwrap().status(), 503);

        let times = tries.times();
        assert_eq!(times.len(), 4);
        for (pause, bound) in times.windows(2).zip([0.1, 0.2, 0.4]) {
            // A timer has whole milliseconds.
            assert!(pause[1] - pause[0] <= bound + 0.002, "{times:?}");
        }
        waited += times[3];
    }
    assert!(waited > 1.0, "20 times 0 to 700 ms were {waited} s");
}

#[tokio::test(start_paused = true)]
async fn only_idempotent_methods_are_retried() {
    for (name, tries) in [
        (Method::GET, 4),
        (Method::HEAD, 4),
        (Method::OPTIONS, 4),
        (Method::TRACE, 4),
        (Method::PUT, 4),
        (Method::DELETE, 4),
        (Method::POST, 1),
        (Method::PATCH, 1),
        (Method::CONNECT, 1),
        (Method::from_bytes(b"OWN").unwrap(), 1),
    ] {
        let config = RetryConfig::new();
        assert_eq!(
            tries_of(config, method(name.clone()), 503).await,
            tries,
            "{name}"
        );
    }
    let mut marked = method(Method::POST);
    marked.extensions_mut().insert(Idempotent);
    assert_eq!(tries_of(RetryConfig::new(), marked, 503).await, 4);
}

#[tokio::test(start_paused = true)]
async fn only_some_statuses_are_retried() {
    for (status, tries) in [
        (200, 1),
        (404, 1),
        (500, 1),
        (501, 1),
        (429, 4),
        (502, 4),
        (503, 4),
        (504, 4),
    ] {
        let config = RetryConfig::new();
        assert_eq!(
            tries_of(config, request("/"), status).await,
            tries,
            "{status}"
        );
    }
    let config = RetryConfig::new()
        .retry_if(|status| status == 404)
        .retries(1);
    assert_eq!(tries_of(config, request("/"), 404).await, 2);
    let off = RetryConfig::new().retries(0);
    assert_eq!(tries_of(off, request("/"), 503).await, 1);
}

#[tokio::test(start_paused = true)]
async fn each_try_has_the_whole_request() {
    let tries = Tries::default();
    let service = RetryLayer::new().layer(answers(&tries, 503, None));
    let request = Request::put("/").header("a", "b").body("all of it".into());

    service.oneshot(request.unwrap()).await.unwrap();

    let tries = tries.0.lock().unwrap();
    assert_eq!(tries.len(), 4);
    for (_, headers, body) in tries.iter() {
        assert_eq!(
            (&headers["a"], &**body),
            (&"b".parse().unwrap(), &b"all of it"[..])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_upstream_asks_up_to_a_cap() {
    for (after, tries, expected) in [("3", 4, 9.0), ("10", 4, 30.0), ("11", 1, 0.0)] {
        let log = Tries::default();
        let service = RetryLayer::new().layer(answers(&log, 429, Some(after)));
        assert_eq!(service.oneshot(request("/")).await.unwrap().status(), 429);

        let times = log.times();
        assert_eq!(times.len(), tries, "{after}");
        let last = times.last().unwrap();
        assert!((expected..expected + 0.71).contains(last), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_after_the_deadline_is_not_made() {
    for in_facts in [false, true] {
        let tries = Tries::default();
        let service = RetryLayer::new().layer(answers(&tries, 503, Some("2")));
        let mut request = request("/");
        let deadline = Deadline::new(Instant::now() + SECOND * 5);
        if in_facts {
            Facts::of_mut(request.extensions_mut()).set(deadline);
        } else {
            request.extensions_mut().insert(deadline);
        }
        let started = Instant::now();
        assert_eq!(service.oneshot(request).await.unwrap().status(), 503);

        assert_eq!(tries.count(), 3, "at 0 s, 2 s and 4 s");
        assert!(started.elapsed() < SECOND * 5);
    }
}

fn count(counts: &[Count], name: &str) -> u64 {
    counts
        .iter()
        .find(|count| count.name == name)
        .unwrap()
        .value
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_shared_and_bounds_what_a_failing_upstream_gets() {
    let tries = Tries::default();
    let layer = RetryConfig::new().budget(0.2, 0).build().unwrap();
    for _ in 0..100 {
        let service = layer.layer(answers(&tries, 503, None));
        service.oneshot(request("/")).await.unwrap();
    }

    assert_eq!(tries.count(), 120, "one retry for five calls");
    let counts = layer.counts();
    assert_eq!(count(&counts, "portcullis_retries_made"), 20);
    assert!(count(&counts, "portcullis_retries_over_budget") >= 80);

    let tries = Tries::default();
    let without_calls = RetryConfig::new().budget(0.0, 1).build().unwrap();
    for _ in 0..100 {
        let service = without_calls.layer(answers(&tries, 503, None));
        service.oneshot(request("/")).await.unwrap();
    }
    assert_eq!(tries.count(), 110, "one a second, over ten seconds");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_says_that_nothing_was_sent_is_retried_for_any_method() {
    let calls = Arc::new(AtomicU32::new(0));
    let fails = |kind: io::ErrorKind| {
        let calls = Arc::clone(&calls);
        service_fn(move |_: Request<Body>| {
            calls.fetch_add(1, Relaxed);
            async move { Err::<Response<Body>, _>(io::Error::from(kind)) }
        })
    };
    let layer = RetryConfig::new()
        .errors(|error: &io::Error| Retryable::unless_refused(error))
        .build()
        .unwrap();
    for (name, kind, tries) in [
        (Method::POST, io::ErrorKind::ConnectionRefused, 4),
        (Method::POST, io::ErrorKind::ConnectionReset, 1),
        (Method::GET, io::ErrorKind::ConnectionReset, 4),
    ] {
        calls.store(0, Relaxed);
        let error = layer.layer(fails(kind)).oneshot(method(name)).await;
        assert_eq!(error.unwrap_err().kind(), kind);
        assert_eq!(calls.load(Relaxed), tries);
    }
    calls.store(0, Relaxed);
    let post = RetryLayer::new().layer(fails(io::ErrorKind::ConnectionRefused));
    assert!(post.oneshot(method(Method::POST)).await.is_err());
    assert_eq!(calls.load(Relaxed), 1, "unless told, no error says that");
}

#[test]
fn a_refused_connection_is_found_below_other_errors() {
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let wrapped = io::Error::other(crate::outbound::CallError::Inner(io::Error::other(refused)));

    assert_eq!(Retryable::unless_refused(&wrapped), Retryable::Unsent);
    let other = io::Error::other("refused");
    assert_eq!(Retryable::unless_refused(&other), Retryable::IfIdempotent);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_never_retried_and_an_empty_one_is() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let fails = service_fn(move |_: Request<OwnBody>| {
        counted.fetch_add(1, Relaxed);
        async { Err::<Response<Body>, _>("reset") }
    });
    let layer = RetryConfig::new().replay(if_empty).build().unwrap();
    for (body, tries) in [("a", 1), ("", 4)] {
        calls.store(0, Relaxed);
        let request = Request::put("/").body(OwnBody::from(body)).unwrap();
        assert!(layer.layer(fails.clone()).oneshot(request).await.is_err());
        assert_eq!(calls.load(Relaxed), tries);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_only_called_when_it_is_ready() {
    // Clones of the probe are not ready, and a call of one that is not panics.
    let always = RetryConfig::new().retry_if(|_| true).build().unwrap();

    assert_eq!(
        send(always.layer(Probe::default()), request("/"))
            .await
            .status(),
        200
    );
}

#[test]
fn an_error_of_construction_lists_all_that_is_wrong() {
    let config = RetryConfig::new()
        .retries(11)
        .backoff(Duration::ZERO, SECOND)
        .budget(-0.1, 1_000_001);
    assert_eq!(config.build().unwrap_err().problems().count(), 4);
    for ratio in [f32::NAN, 10.1, f32::INFINITY] {
        assert!(RetryConfig::new().budget(ratio, 1).build().is_err());
    }
    let config = RetryConfig::new().backoff(SECOND * 2, SECOND);
    assert!(config.build().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_never_more_than_was_asked_for() {
    for (ratio, retries) in [
        (0.6, 50),
        (0.4, 33),
        (1.0 / 3.0, 33),
        (0.2, 20),
        (0.1, 10),
        (1.0, 100),
    ] {
        let tries = Tries::default();
        let layer = RetryConfig::new()
            .retries(1)
            .budget(ratio, 0)
            .build()
            .unwrap();
        for _ in 0..100 {
            let service = layer.layer(answers(&tries, 503, None));
            service.oneshot(request("/")).await.unwrap();
        }
        assert_eq!(tries.count() - 100, retries, "{ratio}");
    }
}
