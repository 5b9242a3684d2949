//! All layers together, in their order.

use std::{
    convert::Infallible,
    error::Error,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderName, Request, Response};
use portcullis_core::{Counts, Deadline, RejectionKind};
use portcullis_test::{Body, contract, ok, request};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::{
    AnyError, BreakerConfig, BreakerLayer, BreakerState, ByClone, CallError, DeadlineHeader,
    DeadlineLayer, FlattenLayer, OfCall, Open, Outbound, OutboundLayer, RetryConfig,
    TryTimeoutLayer,
};

const SECOND: Duration = Duration::from_secs(1);

fn unwrapped<L>(
    layer: L,
) -> impl Layer<portcullis_test::Probe, Service = impl portcullis_test::Test>
where
    L: Layer<portcullis_test::Probe>,
    L::Service: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = CallError<Infallible>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    let inner = |error: CallError<Infallible>| match error.into_inner() {
        Some(never) => never,
        None => panic!("nothing is late or open"),
    };
    ServiceBuilder::new()
        .map_err(inner)
        .layer(layer)
        .into_inner()
}

contract!(
    unwrapped(Outbound::new().build().unwrap()),
    unwrapped(off()),
    unwrapped(TryTimeoutLayer::new(SECOND)),
    unwrapped(DeadlineLayer::new(SECOND)),
);

/// Everything that can be off.
fn off() -> OutboundLayer {
    let off = Outbound::new().deadline(None).try_timeout(None);
    let off = off.breaker(None).retry(RetryConfig::new().retries(0));
    off.build().unwrap()
}

/// An upstream that does the first of what it is told, then the next, and then answers 200.
fn does<F, Fut>(
    calls: &Arc<AtomicU32>,
    what: F,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = &'static str, Future: Send>
+ Clone
+ use<F, Fut>
where
    F: Fn(u32, Request<Body>) -> Fut + Clone,
    Fut: Future<Output = Result<Response<Body>, &'static str>> + Send,
{
    let calls = Arc::clone(calls);
    service_fn(move |request| what(calls.fetch_add(1, Relaxed), request))
}

fn status(status: u16) -> Result<Response<Body>, &'static str> {
    Ok(Response::builder()
        .status(status)
        .body(Body::default())
        .unwrap())
}

async fn hangs(_: u32, _: Request<Body>) -> Result<Response<Body>, &'static str> {
    std::future::pending().await
}

fn to_api() -> Request<Body> {
    request("http://api.example/")
}

#[tokio::test(start_paused = true)]
async fn the_breaker_counts_each_try_and_what_it_refuses_is_not_retried() {
    let calls = Arc::default();
    let breaker = BreakerConfig::new().failures(2);
    let outbound = Outbound::new().breaker(breaker).build().unwrap();
    let service = outbound.layer(does(&calls, |_, _| async { status(503) }));

    let result = service.clone().oneshot(to_api()).await;
    assert!(matches!(result, Err(CallError::Open(_))), "{result:?}");
    assert_eq!(calls.load(Relaxed), 2);
    let breaker = outbound.breaker().unwrap();
    assert_eq!(breaker.state("api.example"), BreakerState::Open);
    let counted = breaker.calls("api.example").unwrap();
    assert_eq!((counted.failed, counted.refused), (2, 1));

    assert!(service.oneshot(to_api()).await.is_err());
    assert_eq!(calls.load(Relaxed), 2);
    let counts = outbound.counts();
    let made = counts
        .iter()
        .find(|count| count.name == "portcullis_retries_made");
    assert_eq!(made.unwrap().value, 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_until_the_breaker_that_retry_after_opened_admits_it() {
    for _ in 0..50 {
        let calls = Arc::default();
        let service = Outbound::new()
            .build()
            .unwrap()
            .layer(does(&calls, |n, _| async move {
                let mut response = status(if n == 0 { 429 } else { 200 })?;
                response.headers_mut().insert("retry-after", 2.into());
                Ok(response)
            }));

        let started = Instant::now();
        assert_eq!(service.oneshot(to_api()).await.unwrap().status(), 200);
        assert_eq!(calls.load(Relaxed), 2);
        assert!(started.elapsed() >= SECOND * 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_is_retried_until_the_deadline() {
    let calls = Arc::default();
    let outbound = Outbound::new().build().unwrap();
    let started = Instant::now();
    let result = outbound.layer(does(&calls, hangs)).oneshot(to_api()).await;

    assert!(
        matches!(result, Err(CallError::DeadlineExceeded)),
        "{result:?}"
    );
    assert_eq!(
        calls.load(Relaxed),
        3,
        "at 0 s, and after 10 s and 20 s and their waits"
    );
    assert_eq!(started.elapsed().as_secs(), 30);
    let counted = outbound.breaker().unwrap().calls("api.example").unwrap();
    assert_eq!(
        (counted.failed, counted.slow),
        (2, 1),
        "what was cut short took long too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_the_deadline_that_its_request_carries() {
    let calls = Arc::default();
    let service = Outbound::new().build().unwrap().layer(does(&calls, hangs));
    let mut request = to_api();
    request
        .extensions_mut()
        .insert(Deadline::new(Instant::now() + SECOND * 3));
    let started = Instant::now();
    let result = service.clone().oneshot(request).await;

    assert!(
        matches!(result, Err(CallError::DeadlineExceeded)),
        "{result:?}"
    );
    assert_eq!((calls.load(Relaxed), started.elapsed().as_secs()), (1, 3));

    let mut late = to_api();
    late.extensions_mut().insert(Deadline::new(Instant::now()));
    let result = service.oneshot(late).await;
    assert!(
        matches!(result, Err(CallError::DeadlineExceeded)),
        "{result:?}"
    );
    assert_eq!(calls.load(Relaxed), 1, "it was not sent");
}

#[tokio::test(start_paused = true)]
async fn the_upstream_is_told_what_is_left_at_each_try() {
    for (header, first, at_most) in [
        (DeadlineHeader::GrpcTimeout, "10000000u", "1000000u"),
        (
            DeadlineHeader::Millis(HeaderName::from_static("x-timeout-ms")),
            "10000",
            "1000",
        ),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (calls, log) = (Arc::default(), Arc::clone(&seen));
        let outbound = Outbound::new()
            .deadline(SECOND * 12)
            .deadline_header(header);
        let service = outbound
            .build()
            .unwrap()
            .layer(does(&calls, move |_, request| {
                let mut headers = request.headers().clone();
                headers.remove(http::header::HOST);
                let values = headers.values();
                let values = values.map(|value| value.to_str().unwrap().to_owned());
                log.lock().unwrap().extend(values);
                async {
                    tokio::time::sleep(SECOND).await;
                    let mut response = status(503)?;
                    response.headers_mut().insert("retry-after", 10.into());
                    Ok(response)
                }
            }));
        let result = service.oneshot(to_api()).await;
        assert_eq!(result.unwrap_err(), CallError::DeadlineExceeded);
        let seen = seen.lock().unwrap();
        assert_eq!((&*seen[0], seen.len()), (first, 2));
        // After 11 s and at most 100 ms.
        let number = |text: &str| text.trim_end_matches('u').parse::<f64>().unwrap();
        let left = number(&seen[1]) / number(at_most);
        assert!((0.89..=1.0).contains(&left), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_off_is_not_there() {
    let calls = Arc::default();
    let hour = SECOND * 3600;
    let slow = does(&calls, move |n, _| async move {
        tokio::time::sleep(hour).await;
        if n == 0 { status(503) } else { Err("reset") }
    });
    let service = off().layer(slow);

    assert_eq!(
        service.clone().oneshot(to_api()).await.unwrap().status(),
        503
    );
    for _ in 0..9 {
        let error = service.clone().oneshot(to_api()).await.unwrap_err();
        assert_eq!(error, CallError::Inner("reset"));
    }
    assert_eq!(calls.load(Relaxed), 10);
    assert!(off().breaker().is_none());
}

#[tokio::test(start_paused = true)]
async fn layers_by_hand_have_one_error_too() {
    let retry = RetryConfig::new()
        .errors(OfCall::new(AnyError))
        .build()
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(FlattenLayer::new())
        .layer(DeadlineLayer::new(SECOND * 5))
        .layer(retry)
        .layer(FlattenLayer::new())
        .layer(BreakerLayer::default())
        .layer(TryTimeoutLayer::new(SECOND * 2))
        .service(does(&Arc::default(), hangs));

    let result: Result<_, CallError<&str>> = service.oneshot(to_api()).await;

    assert_eq!(result.unwrap_err(), CallError::DeadlineExceeded);
}

#[tokio::test]
async fn a_layer_can_be_named_and_kept() {
    struct Client {
        outbound: OutboundLayer<ByClone, AnyError>,
    }
    let client = Client {
        outbound: Outbound::default().build().unwrap(),
    };

    let response = client.outbound.layer(ok()).oneshot(to_api()).await;
    assert_eq!(response.unwrap().status(), 200);
}

#[test]
fn an_error_of_construction_lists_what_is_wrong_with_all_layers() {
    let error = Outbound::new()
        .deadline(Duration::ZERO)
        .breaker(BreakerConfig::new().probes(0))
        .retry(RetryConfig::new().retries(100))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the deadline is 0; the time limit of a try, 10s, is above the deadline, 0ns; \
         retries: 100 are more than 10; breaker: probes is 0"
    );
    assert!(Outbound::new().try_timeout(Duration::ZERO).build().is_err());
}

#[test]
fn an_error_says_what_a_client_may_be_told() {
    let open = CallError::<io::Error>::Open(Open::new(Duration::from_millis(1_500)));
    let rejection = open.rejection().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(rejection.retry_after_seconds(), Some(2));
    assert_eq!(open.to_string(), "the circuit breaker is open");
    for late in [
        CallError::TryTimedOut,
        CallError::<io::Error>::DeadlineExceeded,
    ] {
        assert_eq!(
            late.rejection().unwrap().kind(),
            RejectionKind::GatewayTimedOut
        );
    }

    let inner = CallError::Inner(CallError::Inner(io::Error::other(Open::new(SECOND))));
    let flat = inner.flatten();
    assert!(flat.rejection().is_none());
    assert_eq!(flat.to_string(), "the call failed");
    let source = flat.source().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the circuit breaker is open"));
    assert!(flat.into_inner().is_some());
}
