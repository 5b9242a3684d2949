//! What each fault does, and exactly how many calls reach the upstream in each state.
//!
//! Time is paused: it goes on when there is nothing to do but wait.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use portcullis::outbound::{
    BreakerConfig, BreakerState, CallCounts, CallError, Outbound, OutboundLayer, OutboundService,
    RetryConfig,
};
use portcullis_test::{Fault, FaultServer};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt};

use super::clients::{Hyper, hyper};

const SECOND: Duration = Duration::from_secs(1);

/// An upstream, and a client for it.
struct Setup {
    server: FaultServer,
    outbound: OutboundLayer,
    client: OutboundService<Hyper>,
    key: String,
}

impl Setup {
    async fn new(outbound: Outbound) -> Self {
        let server = FaultServer::start().await.unwrap();
        let outbound = outbound.build().unwrap();
        Self {
            key: server.address().to_string(),
            client: outbound.layer(hyper()),
            server,
            outbound,
        }
    }

    async fn call(&self) -> Result<Response<Incoming>, CallError<Error>> {
        let request = Request::get(format!("http://{}/", self.key));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        self.client.clone().oneshot(request).await
    }

    async fn status(&self) -> u16 {
        self.call().await.unwrap().status().as_u16()
    }

    /// Whether nothing was sent.
    async fn is_refused(&self) -> bool {
        let before = self.server.connections();
        let is_open = matches!(self.call().await, Err(CallError::Open(_)));
        is_open && self.server.connections() == before
    }

    fn state(&self) -> BreakerState {
        self.outbound.breaker().unwrap().state(&self.key)
    }

    fn counts(&self) -> CallCounts {
        self.outbound.breaker().unwrap().calls(&self.key).unwrap()
    }
}

fn once() -> Outbound {
    Outbound::new().retry(RetryConfig::new().retries(0))
}

fn trips_at(failures: u32) -> BreakerConfig {
    BreakerConfig::new().failures(failures).failure_rate(None)
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_fails_gets_as_many_calls_as_its_state_allows() {
    let setup = Setup::new(once().breaker(trips_at(3).successes(2))).await;
    setup.server.usually(Fault::status(500));
    for _ in 0..3 {
        assert_eq!(
            (setup.state(), setup.status().await),
            (BreakerState::Closed, 500)
        );
    }
    for _ in 0..10 {
        assert!(setup.is_refused().await);
    }
    assert_eq!(
        (setup.state(), setup.server.requests()),
        (BreakerState::Open, 3)
    );

    advance(SECOND * 5).await;
    assert_eq!(
        (setup.state(), setup.status().await),
        (BreakerState::HalfOpen, 500)
    );
    assert!(setup.is_refused().await, "one probe failed");
    setup.server.usually(Fault::status(200));
    advance(SECOND * 5).await;
    for state in [
        BreakerState::HalfOpen,
        BreakerState::HalfOpen,
        BreakerState::Closed,
    ] {
        assert_eq!((setup.state(), setup.status().await), (state, 200));
    }

    assert_eq!(setup.server.requests(), 7);
    let counts = setup.counts();
    assert_eq!((counts.succeeded, counts.failed), (3, 4));
    assert_eq!((counts.refused, counts.opened), (11, 2));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_hangs_is_a_failure_after_the_limit_of_a_try() {
    let outbound = once().try_timeout(SECOND).breaker(trips_at(2));
    let setup = Setup::new(outbound).await;
    setup.server.usually(Fault::hang());
    for _ in 0..2 {
        let started = Instant::now();
        assert!(matches!(setup.call().await, Err(CallError::TryTimedOut)));
        assert_eq!(started.elapsed().as_secs(), 1);
    }

    assert!(setup.is_refused().await);
    assert_eq!(setup.server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_and_is_given_up_on_does_not_wedge_it() {
    let outbound = once().breaker(trips_at(1).successes(1).slow_call(None));
    let setup = Setup::new(outbound).await;
    setup.server.script([Fault::status(500), Fault::hang()]);
    assert_eq!(setup.status().await, 500);
    advance(SECOND * 5).await;

    let given_up = tokio::time::timeout(SECOND, setup.call()).await;
    assert!(given_up.is_err());

    assert_eq!(
        (setup.state(), setup.status().await),
        (BreakerState::HalfOpen, 200)
    );
    assert_eq!(setup.state(), BreakerState::Closed);
    assert_eq!(setup.counts().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_flaps_is_found_by_the_rate_and_not_by_failures_in_a_row() {
    let breaker = BreakerConfig::new().failures(2).min_calls(10);
    let setup = Setup::new(once().breaker(breaker)).await;
    let flaps = [200, 500].map(Fault::status);
    setup.server.script(flaps.into_iter().cycle().take(20));
    for _ in 0..10 {
        assert_eq!(setup.state(), BreakerState::Closed);
        setup.status().await;
    }

    assert_eq!(setup.state(), BreakerState::Open);
    assert!(setup.is_refused().await);
    assert_eq!(setup.server.requests(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_429_with_retry_after_is_left_alone_for_that_long_by_everybody() {
    let setup = Setup::new(Outbound::new()).await;
    setup
        .server
        .script([Fault::status(429).header("retry-after", "3")]);
    let started = Instant::now();
    let (first, second) = tokio::join!(setup.status(), async {
        tokio::time::sleep(SECOND).await;
        setup.is_refused().await
    });

    assert_eq!((first, second), (200, true));
    assert!((3..5).contains(&started.elapsed().as_secs()));
    assert_eq!(setup.server.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn resets_and_refused_connections_are_retried_and_counted() {
    let setup = Setup::new(Outbound::new()).await;
    setup
        .server
        .script([Fault::reset(), Fault::reset_on_request()]);
    assert_eq!(setup.status().await, 200);
    assert_eq!(
        (setup.server.connections(), setup.server.requests()),
        (3, 2)
    );
    assert_eq!((setup.counts().failed, setup.counts().succeeded), (2, 1));

    setup.server.refuse().await;
    let error = setup.call().await;
    assert!(
        matches!(&error, Err(CallError::Inner(error)) if error.is_connect()),
        "{error:?}"
    );
    assert_eq!(
        (setup.counts().failed, setup.state()),
        (6, BreakerState::Closed),
        "four in a row"
    );
    let error = setup.call().await;
    assert!(matches!(error, Err(CallError::Open(_))), "{error:?}");
    assert_eq!(
        (setup.counts().failed, setup.state()),
        (7, BreakerState::Open)
    );
    setup.server.accept().await.unwrap();
    advance(SECOND * 5).await;
    assert_eq!(setup.status().await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstream_is_found_though_it_answers() {
    let breaker = trips_at(2).slow_call(SECOND);
    let setup = Setup::new(once().breaker(breaker)).await;
    setup.server.usually(Fault::status(200).after(SECOND * 2));
    for _ in 0..2 {
        assert_eq!(
            (setup.state(), setup.status().await),
            (BreakerState::Closed, 200)
        );
    }

    assert!(setup.is_refused().await);
    assert_eq!((setup.counts().slow, setup.server.requests()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_is_the_callers_to_notice_and_is_not_retried() {
    let setup = Setup::new(Outbound::new()).await;
    setup.server.script([Fault::cut()]);
    let response = setup.call().await.unwrap();

    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err());
    assert_eq!((setup.server.requests(), setup.counts().succeeded), (1, 1));
}
