//! governor over the table, and a guard over governor.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, FakeRelativeClock},
    middleware::{NoOpMiddleware, StateInformationMiddleware},
    nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use portcullis_core::{Guard, RejectionKind, Reply, Verdict};
use portcullis_test::{echo, request, send};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tower::Layer;

use crate::{
    engine::Alone,
    rate_limit::governed::{Governed, limiter},
};

fn quota(per_second: u32, burst: u32) -> Quota {
    let number = |number| NonZeroU32::new(number).unwrap();
    Quota::per_second(number(per_second)).allow_burst(number(burst))
}

/// The fixed table says what governor's own store says, as long as it has places.
#[test]
fn a_hundred_thousand_checks_are_those_of_governors_own_store() {
    let mut rng = SmallRng::seed_from_u64(5);
    let clock = FakeRelativeClock::default();
    let ours = limiter::<u32, _>(quota(10, 5), 1024, clock.clone());
    let theirs: RateLimiter<u32, DashMapStateStore<u32>, _, NoOpMiddleware<Nanos>> =
        RateLimiter::new(quota(10, 5), DashMapStateStore::default(), clock.clone());
    let mut seen: HashMap<bool, u32> = HashMap::new();
    for step in 0..100_000 {
        let key = rng.random_range(0..20);
        let (own, other) = (ours.check_key(&key), theirs.check_key(&key));
        assert_eq!(own.is_ok(), other.is_ok(), "step {step}");
        if let (Err(own), Err(other)) = (&own, &other) {
            assert_eq!(
                own.wait_time_from(clock.now()),
                other.wait_time_from(clock.now())
            );
        }
        *seen.entry(own.is_ok()).or_default() += 1;
        clock.advance(Duration::from_millis(rng.random_range(0..10)));
    }
    assert!(seen.values().all(|times| *times > 10_000), "{seen:?}");
}

#[test]
fn a_flood_of_keys_frees_nobody() {
    let clock = FakeRelativeClock::default();
    let limiter = limiter::<u32, _>(quota(1, 1), 64, clock.clone());
    assert!(limiter.check_key(&0).is_ok());
    for key in 1..100_000 {
        let _ = limiter.check_key(&key);
    }

    assert!(limiter.check_key(&0).is_err());
    clock.advance(Duration::from_secs(2));
    assert!(limiter.check_key(&0).is_ok());
}

#[test]
fn a_time_beyond_all_others_is_one() {
    let period = Duration::from_secs(400 * 365 * 86_400);
    let quota = Quota::with_period(period).unwrap();
    let limiter = limiter::<u32, _>(quota, 16, FakeRelativeClock::default());

    assert!(limiter.check_key(&1).is_ok());
    assert!(limiter.check_key(&1).is_err());
}

#[tokio::test]
async fn a_guard_asks_a_limiter_of_ones_own() {
    let own = RateLimiter::dashmap_with_clock(quota(1, 2), DefaultClock::default());
    let own = own.with_middleware::<StateInformationMiddleware>();
    let guard = Governed::new(own, |head| {
        let name = head.headers.get("name")?;
        Some(name.as_bytes().to_vec())
    });
    let layer: Alone<Governed> = guard.clone().into();
    let asked = async |name: &'static str| {
        let mut request = request("/");
        request.headers_mut().insert("name", name.parse().unwrap());
        send(layer.layer(echo()), request).await
    };

    for (name, status) in [("a", 200), ("a", 200), ("a", 429), ("b", 200)] {
        let response = asked(name).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(
            response.headers().contains_key("retry-after"),
            status == 429
        );
    }
    assert_eq!(
        send(layer.layer(echo()), request("/")).await.status(),
        200,
        "no key"
    );
    assert_eq!(guard.counts()[0].value, 1);
}

#[test]
fn a_rejection_says_how_long_to_wait() {
    let clock = FakeRelativeClock::default();
    let guard =
        Governed::new(limiter::<u32, _>(quota(1, 1), 16, clock), |_| Some(1)).named("campaign");
    let mut head = request("/").into_parts().0;
    let mut asked = || guard.admit(&mut head, &mut Reply::default());

    assert!(asked().is_admit());
    let Verdict::Reject(rejection) = asked() else {
        panic!("it is spent");
    };
    assert_eq!(rejection.kind(), RejectionKind::RateLimited);
    assert_eq!(rejection.violated_policies(), ["campaign"]);
    assert_eq!(guard.describe(), "\"campaign\": a governor limiter");
    assert_eq!(rejection.retry_after_seconds(), Some(1));
}
