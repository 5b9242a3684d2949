//! The breaker as a layer, over services that do what they are told.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use http::{Request, Response};
use portcullis_core::Counts;
use portcullis_test::{Body, contract, logged, request};
use proptest::prelude::*;
use tokio::time::advance;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::{
    Breaker, BreakerConfig, BreakerLayer, BreakerService, BreakerState,
    circuit::{Change, Circuit, Now, Outcome},
    settings::Settings,
    window::{CELLS, Window},
};
use crate::outbound::CallError;

mod interleavings;
mod model;

const SECOND: Duration = Duration::from_secs(1);
const KEY: &str = "a.example";

contract!(
    ServiceBuilder::new()
        .map_err(|error: CallError<_>| error.into_inner().unwrap())
        .layer(BreakerLayer::default()),
    ServiceBuilder::new()
        .map_err(|error: CallError<_>| error.into_inner().unwrap())
        .layer(BreakerLayer::off()),
);

/// An upstream that answers what it is told, and counts its calls.
#[derive(Clone, Debug, Default)]
struct Upstream {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16),
    RetryAfter(u16, &'static str),
    Error,
    After(Duration),
    Never,
}

impl Upstream {
    fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    fn behind(
        &self,
        breaker: &Breaker,
    ) -> BreakerService<
        impl Service<
            Request<Body>,
            Response = Response<Body>,
            Error = &'static str,
            Future: Send + 'static,
        > + Clone
        + use<>,
    > {
        let this = self.clone();
        let answer = service_fn(move |_: Request<Body>| {
            this.calls.fetch_add(1, Relaxed);
            let answer = this.answers.lock().unwrap().pop_front();
            async move {
                let mut response = Response::builder();
                match answer.unwrap_or(Answer::Status(200)) {
                    Answer::Status(status) => response = response.status(status),
                    Answer::RetryAfter(status, after) => {
                        response = response.status(status).header("retry-after", after);
                    }
                    Answer::Error => return Err("reset"),
                    Answer::After(time) => tokio::time::sleep(time).await,
                    Answer::Never => std::future::pending().await,
                }
                Ok(response.body(Body::default()).unwrap())
            }
        });
        BreakerLayer::new(breaker.clone()).layer(answer)
    }
}

fn to(host: &str) -> Request<Body> {
    request(&format!("http://{host}/"))
}

async fn call(
    upstream: &Upstream,
    breaker: &Breaker,
    host: &str,
) -> Result<u16, CallError<&'static str>> {
    let response = upstream.behind(breaker).oneshot(to(host)).await;
    response.map(|response| response.status().as_u16())
}

/// The time that a refusal tells to wait.
async fn refused(upstream: &Upstream, breaker: &Breaker) -> Duration {
    match call(upstream, breaker, KEY).await {
        Err(CallError::Open(open)) => open.retry_after(),
        other => panic!("{other:?}"),
    }
}

fn trips_at(failures: u32) -> BreakerConfig {
    BreakerConfig::new().failures(failures).failure_rate(None)
}

#[tokio::test(start_paused = true)]
async fn opens_after_failures_in_a_row_and_closes_after_successful_probes() {
    let (upstream, breaker) = (Upstream::default(), trips_at(3).build().unwrap());
    upstream.will([Answer::Status(500), Answer::Error, Answer::Status(429)]);
    for expected in [Ok(500), Err(CallError::Inner("reset")), Ok(429)] {
        assert_eq!(breaker.state(KEY), BreakerState::Closed);
        assert_eq!(call(&upstream, &breaker, KEY).await, expected);
    }
    assert_eq!(breaker.state(KEY), BreakerState::Open);
    advance(SECOND).await;
    assert_eq!(refused(&upstream, &breaker).await, SECOND * 4);
    assert_eq!(upstream.calls(), 3, "nothing was sent");

    advance(SECOND * 4).await;
    assert_eq!(breaker.state(KEY), BreakerState::HalfOpen);
    assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
    assert_eq!(breaker.state(KEY), BreakerState::HalfOpen);
    assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
    assert_eq!(breaker.state(KEY), BreakerState::Closed);

    let calls = breaker.calls(KEY).unwrap();
    assert_eq!((calls.succeeded, calls.failed), (2, 3));
    assert_eq!((calls.refused, calls.opened), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_success_between_failures_keeps_it_closed() {
    let (upstream, breaker) = (Upstream::default(), trips_at(2).build().unwrap());
    upstream.will([500, 200, 500, 404, 500].map(Answer::Status));

    for _ in 0..5 {
        call(&upstream, &breaker, KEY).await.unwrap();
    }
    assert_eq!(breaker.state(KEY), BreakerState::Closed);
    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, KEY).await.unwrap();
    assert_eq!(breaker.state(KEY), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn opens_by_rate_only_with_enough_calls_in_the_window() {
    let config = BreakerConfig::new().failures(None).min_calls(4);
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    upstream.will([500, 500, 500].map(Answer::Status));
    for _ in 0..3 {
        call(&upstream, &breaker, KEY).await.unwrap();
    }
    assert_eq!(breaker.state(KEY), BreakerState::Closed, "too few calls");
    advance(SECOND * 11).await;
    upstream.will([200, 500, 200, 200].map(Answer::Status));
    for _ in 0..4 {
        call(&upstream, &breaker, KEY).await.unwrap();
    }
    assert_eq!(breaker.state(KEY), BreakerState::Closed, "1 of 4");

    upstream.will([500, 500].map(Answer::Status));
    for _ in 0..2 {
        call(&upstream, &breaker, KEY).await.unwrap();
    }
    assert_eq!(breaker.state(KEY), BreakerState::Open, "3 of 6");
}

#[tokio::test(start_paused = true)]
async fn retry_after_opens_it_at_once_and_at_most_for_the_cap() {
    let config = BreakerConfig::new().retry_after_cap(SECOND * 30);
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    let date = "Fri, 31 Dec 9999 23:59:59 GMT";
    for (answer, expected) in [
        (Answer::RetryAfter(503, "7"), Some(7)),
        (Answer::RetryAfter(429, "29"), Some(29)),
        (Answer::RetryAfter(429, "31"), Some(30)),
        (Answer::RetryAfter(503, date), Some(30)),
        (Answer::RetryAfter(503, "0"), None),
        (Answer::RetryAfter(500, "7"), None),
        (Answer::RetryAfter(200, "7"), None),
        (Answer::RetryAfter(503, "soon"), None),
    ] {
        upstream.will([answer]);
        call(&upstream, &breaker, KEY).await.unwrap();
        assert_eq!(
            breaker.state(KEY) == BreakerState::Open,
            expected.is_some(),
            "{answer:?}"
        );
        if let Some(seconds) = expected {
            assert_eq!(refused(&upstream, &breaker).await, SECOND * seconds);
            advance(SECOND * seconds).await;
        }
        // Closes it for the next.
        for _ in 0..2 {
            call(&upstream, &breaker, KEY).await.unwrap();
        }
        assert_eq!(breaker.state(KEY), BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_a_failure_also_when_nobody_waits_for_its_end() {
    let config = trips_at(2).slow_call(SECOND);
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    let quick = Answer::After(SECOND - Duration::from_millis(1));
    upstream.will([
        Answer::After(SECOND),
        quick,
        Answer::After(SECOND),
        Answer::Never,
    ]);
    for _ in 0..3 {
        assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
    }
    assert_eq!(breaker.state(KEY), BreakerState::Closed);

    let hangs = call(&upstream, &breaker, KEY);
    assert!(tokio::time::timeout(SECOND * 2, hangs).await.is_err());

    assert_eq!(breaker.state(KEY), BreakerState::Open);
    let calls = breaker.calls(KEY).unwrap();
    assert_eq!((calls.succeeded, calls.slow, calls.cancelled), (1, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_exactly_as_many_probes_at_once_and_a_dropped_one_frees_its_place() {
    let config = trips_at(1).probes(2).successes(3).slow_call(None);
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    upstream.will([Answer::Status(500), Answer::Never, Answer::Never]);
    call(&upstream, &breaker, KEY).await.unwrap();
    advance(SECOND * 5).await;
    let mut cx = Context::from_waker(Waker::noop());
    let mut probe = || {
        let mut probe = Box::pin(upstream.behind(&breaker).oneshot(to(KEY)));
        let polled = probe.as_mut().poll(&mut cx);
        (probe, polled)
    };
    let (first, _) = probe();
    let (second, _) = probe();

    assert_eq!(refused(&upstream, &breaker).await, Duration::ZERO);
    assert_eq!(upstream.calls(), 3, "one and two probes");
    drop(first);
    assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
    drop(second);
    for state in [BreakerState::HalfOpen, BreakerState::Closed] {
        assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
        assert_eq!(breaker.state(KEY), state);
    }
    assert_eq!(breaker.calls(KEY).unwrap().cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again() {
    let (upstream, breaker) = (Upstream::default(), trips_at(1).build().unwrap());
    upstream.will([500, 500].map(Answer::Status));
    call(&upstream, &breaker, KEY).await.unwrap();
    advance(SECOND * 5).await;

    assert_eq!(call(&upstream, &breaker, KEY).await, Ok(500));
    assert_eq!(refused(&upstream, &breaker).await, SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_a_change_does_not_count_after_it() {
    let (upstream, breaker) = (
        Upstream::default(),
        trips_at(1).successes(1).build().unwrap(),
    );
    upstream.will([Answer::After(SECOND * 8), Answer::Status(500)]);
    let late = tokio::spawn(upstream.behind(&breaker).oneshot(to(KEY)));
    tokio::task::yield_now().await;
    call(&upstream, &breaker, KEY).await.unwrap();
    advance(SECOND * 6).await;
    call(&upstream, &breaker, KEY).await.unwrap();
    assert_eq!(breaker.state(KEY), BreakerState::Closed);

    late.await.unwrap().unwrap();

    assert_eq!(breaker.calls(KEY).unwrap().slow, 1);
    assert_eq!(breaker.state(KEY), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn upstreams_fail_alone() {
    let (upstream, breaker) = (Upstream::default(), trips_at(1).build().unwrap());
    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, "user:secret@A.example")
        .await
        .unwrap();

    assert_eq!(breaker.state("A.example"), BreakerState::Open);
    assert!(call(&upstream, &breaker, KEY).await.is_err());
    assert_eq!(call(&upstream, &breaker, "b.example").await, Ok(200));
    assert_eq!(breaker.state("b.example"), BreakerState::Closed);
    assert_eq!(breaker.state("c.example"), BreakerState::Closed);
    assert_eq!(breaker.calls("c.example"), None);
}

#[tokio::test(start_paused = true)]
async fn a_closure_tells_upstreams_apart() {
    let config = trips_at(1).key_by(|head| head.uri.path().to_owned());
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, KEY).await.unwrap();

    assert_eq!(breaker.state("/"), BreakerState::Open);
    assert!(call(&upstream, &breaker, "b.example").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_full_table_forgets_who_has_nothing_to_remember_and_refuses_nobody() {
    let config = trips_at(1).max_keys(2);
    let (upstream, breaker) = (Upstream::default(), config.build().unwrap());
    upstream.will([500, 200, 500, 500].map(Answer::Status));
    for host in ["a.example", "b.example", "c.example", "c.example"] {
        call(&upstream, &breaker, host).await.unwrap();
    }
    assert_eq!(breaker.state("a.example"), BreakerState::Open);
    assert_eq!(
        breaker.calls("c.example"),
        None,
        "it has no place, and no breaker"
    );
    advance(SECOND * 11).await;

    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, "c.example").await.unwrap();

    assert_eq!(
        breaker.calls("b.example"),
        None,
        "it had nothing to remember"
    );
    assert_eq!(breaker.state("c.example"), BreakerState::Open);
    let counts = breaker.counts();
    let count = |name: &str| {
        counts
            .iter()
            .find(|count| count.name == name)
            .unwrap()
            .value
    };
    assert_eq!(count("portcullis_breaker_overflow"), 2);
    assert_eq!(
        count("portcullis_breaker_succeeded"),
        1,
        "of who was forgotten too"
    );
    assert_eq!(count("portcullis_breaker_failed"), 2);
    assert_eq!(count("portcullis_breaker_not_closed"), 1);
}

#[tokio::test(start_paused = true)]
async fn upstreams_that_failed_long_ago_keep_no_place() {
    let failing = [trips_at(2), trips_at(1), trips_at(1).successes(3)];
    for (config, then) in failing.into_iter().zip([0, 0, 1]) {
        let (upstream, breaker) = (Upstream::default(), config.max_keys(1).build().unwrap());
        upstream.will([Answer::Status(500)]);
        call(&upstream, &breaker, "a.example").await.unwrap();
        advance(SECOND * 6).await;
        for _ in 0..then {
            upstream.will([Answer::Status(200)]);
            call(&upstream, &breaker, "a.example").await.unwrap();
        }
        advance(SECOND * 16).await;
        upstream.will([Answer::Status(200)]);
        call(&upstream, &breaker, "b.example").await.unwrap();

        assert!(breaker.calls("b.example").is_some(), "{then}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_of_health_fails_only_while_it_is_open() {
    let (upstream, breaker) = (Upstream::default(), trips_at(1).build().unwrap());
    assert!(breaker.check(KEY).is_ok());
    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, KEY).await.unwrap();

    assert_eq!(breaker.check(KEY).unwrap_err().retry_after(), SECOND * 5);
    advance(SECOND * 5).await;
    assert!(breaker.check(KEY).is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_change_of_state_is_logged_once() {
    let (upstream, breaker) = (Upstream::default(), trips_at(1).build().unwrap());
    upstream.will([Answer::Status(500)]);
    let (log, ()) = logged(async {
        call(&upstream, &breaker, "user:secret@a.example")
            .await
            .unwrap();
        refused(&upstream, &breaker).await;
        advance(SECOND * 5).await;
        for _ in 0..4 {
            call(&upstream, &breaker, KEY).await.unwrap();
        }
    })
    .await;

    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("failures in a row"),
        "{log}"
    );
    assert!(
        lines[1].contains("half-open") && lines[2].contains("closed"),
        "{log}"
    );
    assert!(lines.iter().all(|line| line.contains("a.example")), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_the_breaker_and_a_panic_frees_a_probe() {
    let (upstream, breaker) = (Upstream::default(), trips_at(1).build().unwrap());
    upstream.will([Answer::Status(500)]);
    call(&upstream, &breaker, KEY).await.unwrap();
    advance(SECOND * 5).await;
    let panics = service_fn(|_: Request<Body>| async {
        if true {
            panic!("in the client");
        }
        Ok::<_, &str>(Response::new(Body::default()))
    });
    let panics = BreakerLayer::new(breaker.clone()).layer(panics);

    assert!(tokio::spawn(panics.oneshot(to(KEY))).await.is_err());

    assert_eq!(call(&upstream, &breaker, KEY).await, Ok(200));
}

#[test]
fn an_error_of_construction_lists_all_that_is_wrong() {
    let config = BreakerConfig::new()
        .failures(0)
        .failure_rate(1.5)
        .window(Duration::from_nanos(9))
        .min_calls(0)
        .slow_call(Duration::ZERO)
        .open_for(Duration::ZERO)
        .retry_after_cap(Duration::ZERO)
        .probes(0)
        .successes(0)
        .max_keys(0);

    assert_eq!(config.build().unwrap_err().problems().count(), 10);
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(BreakerConfig::new().failure_rate(rate).build().is_err());
    }
    let nothing = BreakerConfig::new().failures(None).failure_rate(None);
    assert!(nothing.build().is_err());
    assert!(BreakerConfig::new().failure_rate(0.0001).build().is_ok());
}

fn settings() -> impl Strategy<Value = Settings> {
    let numbers = (1_u32..5, 1_u32..1_100, 1_u32..8, 1_u32..4, 1_u32..4);
    let times = (10_u64..300, 1_u64..100, 1_u64..100);
    (numbers, times).prop_map(
        |((failures, failure_rate, min_calls, probes, successes), (window, open_for, cap))| {
            Settings {
                failures,
                failure_rate,
                window,
                min_calls,
                open_for,
                retry_after_cap: cap,
                probes,
                successes,
            }
        },
    )
}

proptest! {
    #[test]
    fn the_window_counts_what_a_list_of_all_calls_counts(
        length in 10_u64..1_000,
        calls in prop::collection::vec((0_u64..400, any::<bool>()), 0..200),
    ) {
        let mut window = Window::new(length);
        let (mut now, mut all) = (0, Vec::new());
        let span = length / CELLS as u64;
        for (pause, is_failure) in calls {
            now += pause;
            window.record(now, is_failure);
            all.push((now / span, is_failure));
            let oldest = (now / span + 1).saturating_sub(CELLS as u64);
            let lately = all.iter().filter(|(cell, _)| *cell >= oldest);
            let failures = lately.clone().filter(|(_, is_failure)| *is_failure);
            let expected = (lately.count() as u32, failures.count() as u32);

            let sum = window.sum(now);
            prop_assert_eq!((sum.calls, sum.failures), expected);
        }
    }

    #[test]
    fn a_circuit_does_what_a_naive_model_does(
        settings in settings(),
        steps in prop::collection::vec(model::step(), 0..150),
    ) {
        model::compare(&settings, steps)?;
    }
}
