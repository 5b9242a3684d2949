//! Limits that several processes share through a real Redis, which dies, stalls and comes back.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis::{
    Charge, ClientIp, Facts, Guard, Noted, Quota, QuotaStore, ReplayNote, ReplayStore,
    edge::{Alone, Plain},
    rate_limit::{OnFailure, Policy, RateLimit, SharedRateLimit},
};
use portcullis_redis::RedisStore;
use portcullis_test::check_quota_store;
use portcullis_tests::redis::Redis;
use tokio::time::{Instant, pause, resume, sleep};
use tower::{Layer, ServiceExt, service_fn};

type Body = Full<Bytes>;

fn shared(redis: &Redis, quota: Quota) -> SharedRateLimit<RedisStore> {
    let store = RedisStore::open(&redis.url()).unwrap();
    RateLimit::new(quota).shared(store)
}

/// The status of one request, and how long it took: to the millisecond where time is paused.
async fn ask(limit: &SharedRateLimit<RedisStore>, ip: [u8; 4]) -> (u16, Duration) {
    let hello = service_fn(|_: Request<Body>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Body::default()))
    });
    let mut request = Request::new(Body::default());
    Facts::of_mut(request.extensions_mut()).set(ClientIp(ip.into()));
    let started = Instant::now();
    let service = Alone::<_, Plain>::from(limit.clone()).layer(hello);
    let response: Response<Body> = service.oneshot(request).await.unwrap();
    (response.status().as_u16(), started.elapsed())
}

async fn admitted(limit: &SharedRateLimit<RedisStore>, ip: [u8; 4], requests: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(ask(limit, ip).await.0 == 200);
    }
    admitted
}

fn count(limit: &impl Guard, name: &str) -> u64 {
    let counts = limit.counts();
    let found = counts.iter().find(|count| count.name.ends_with(name));
    found.unwrap().value
}

/// Asks until the store is asked again, for three seconds at most.
async fn recovers(limit: &SharedRateLimit<RedisStore>) -> bool {
    for n in 0..60 {
        sleep(Duration::from_millis(50)).await;
        ask(limit, [9, 9, 9, n]).await;
        if count(limit, "store_up") == 1 {
            return true;
        }
    }
    false
}

const CLIENT: [u8; 4] = [192, 0, 2, 1];

/// What a store may cost a request, rounded up as a timer is, and how often before it is left
/// alone.
const TIME_LIMIT: Duration = Duration::from_millis(50 + 1);
const TRIES: u32 = 3;

#[tokio::test]
async fn redis_is_a_store() {
    let redis = Redis::start();
    let store = RedisStore::open(&redis.url()).unwrap();

    check_quota_store(store, "run", sleep).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_admit_what_one_may() {
    let redis = Redis::start();
    let quota = Quota::per_hour(250);
    let limits = [shared(&redis, quota), shared(&redis, quota)];
    let hogs = limits.iter().cycle().take(16).map(|limit| {
        let limit = limit.clone();
        tokio::spawn(async move { admitted(&limit, CLIENT, 100).await })
    });
    let mut total = 0;
    for hog in hogs.collect::<Vec<_>>() {
        total += hog.await.unwrap();
    }

    assert_eq!(total, 250);
}

#[tokio::test]
async fn two_instances_share_what_comes_back() {
    let redis = Redis::start();
    let quota = Quota::per_second(20).burst(10);
    let limits = [shared(&redis, quota), shared(&redis, quota)];
    let started = Instant::now();
    let mut total = 0;
    while total < 50 {
        for limit in &limits {
            total += admitted(limit, CLIENT, 1).await;
        }
        sleep(Duration::from_millis(1)).await;
    }

    let most = 10.0 + 20.0 * started.elapsed().as_secs_f64();
    assert!(total as f64 <= most + 1.0, "{total} of {most}");
}

#[tokio::test]
async fn one_round_trip_for_each_that_is_admitted_and_none_for_who_is_over() {
    let redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(50));
    admitted(&limit, [192, 0, 2, 2], 1).await;
    redis.forget_calls();

    assert_eq!(admitted(&limit, CLIENT, 500).await, 50);
    assert_eq!(redis.calls("evalsha"), 50);
    assert_eq!(count(&limit, "store_failures"), 0);
}

/// A request that turns out to cost five costs five in the other process too.
#[tokio::test]
async fn what_is_charged_afterwards_is_shared() {
    let redis = Redis::start();
    let limit = || {
        let policy = Policy::new("p", Quota::per_hour(20)).cost_after(|_| 5);
        let store = RedisStore::open(&redis.url()).unwrap();
        RateLimit::try_new([policy]).unwrap().shared(store)
    };
    let (one, other) = (limit(), limit());
    // The first call finds no script.
    for (limit, calls) in [(&one, 3), (&other, 5), (&one, 7), (&other, 9)] {
        assert_eq!(ask(limit, CLIENT).await.0, 200, "{calls}");
        // Nobody waits for the rest to be charged.
        while redis.calls("evalsha") < calls {
            sleep(Duration::from_millis(1)).await;
        }
    }

    assert_eq!(ask(&one, CLIENT).await.0, 429);
    assert_eq!(ask(&other, CLIENT).await.0, 429);
}

#[tokio::test]
async fn a_redis_that_is_killed_leaves_precision_and_takes_nothing_else() {
    let mut redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(1000));
    assert_eq!(admitted(&limit, CLIENT, 100).await, 100);
    redis.kill();

    pause();
    for _ in 0..200 {
        let (status, time) = ask(&limit, CLIENT).await;
        assert_eq!(status, 200, "nothing is lost");
        assert!(time <= TIME_LIMIT, "{time:?}");
    }
    resume();
    assert_eq!(count(&limit, "store_up"), 0);
    assert_eq!(
        admitted(&limit, CLIENT, 1000).await,
        700,
        "counted on from what was known"
    );
    redis.restart();
    assert!(recovers(&limit).await);
}

#[tokio::test]
async fn a_redis_that_never_was_is_no_reason_not_to_start() {
    let mut redis = Redis::start();
    redis.kill();
    let limit = shared(&redis, Quota::per_hour(10));

    assert_eq!(admitted(&limit, CLIENT, 20).await, 10);
    redis.restart();
    assert!(recovers(&limit).await);
    redis.forget_calls();
    assert_eq!(admitted(&limit, [192, 0, 2, 2], 20).await, 10);
    assert_eq!(redis.calls("evalsha"), 10);
}

#[tokio::test]
async fn a_redis_that_stalls_costs_no_more_than_the_time_limit() {
    let redis = Redis::start();
    for (on_failure, expected) in [
        (OnFailure::Local, 200),
        (OnFailure::Open, 200),
        (OnFailure::Closed, 503),
    ] {
        let limit = shared(&redis, Quota::per_hour(1000)).with_on_failure(on_failure);
        assert_eq!(ask(&limit, CLIENT).await.0, 200);
        redis.stop();
        pause();
        let started = Instant::now();
        for _ in 0..50 {
            let (status, time) = ask(&limit, CLIENT).await;
            assert_eq!(status, expected, "{on_failure}");
            assert!(time <= TIME_LIMIT, "{time:?}");
        }
        assert!(started.elapsed() <= TRIES * TIME_LIMIT);
        resume();
        redis.go_on();
        assert!(recovers(&limit).await, "{on_failure}");
    }
}

#[tokio::test]
async fn a_redis_that_is_slow_by_two_seconds_is_as_one_that_stalls() {
    let redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(10));
    assert_eq!(admitted(&limit, CLIENT, 4).await, 4);
    let said = redis.say(&["CLIENT", "PAUSE", "2000", "ALL"]);
    assert_eq!(said, "OK");

    pause();
    let started = Instant::now();
    assert_eq!(
        admitted(&limit, CLIENT, 50).await,
        6,
        "the local limiter goes on"
    );
    assert!(started.elapsed() <= TRIES * TIME_LIMIT);
    resume();
    assert!(recovers(&limit).await);
}

#[tokio::test]
async fn a_redis_that_lost_its_scripts_is_given_them_again() {
    let redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(10));
    assert_eq!(admitted(&limit, CLIENT, 4).await, 4);
    assert_eq!(redis.say(&["SCRIPT", "FLUSH"]), "OK");

    assert_eq!(admitted(&limit, CLIENT, 20).await, 6);
    assert_eq!(count(&limit, "store_failures"), 0);
}

#[tokio::test]
async fn a_redis_that_is_restarted_in_between_is_connected_to_again() {
    let mut redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(1000));
    assert_eq!(admitted(&limit, CLIENT, 4).await, 4);
    redis.restart();

    assert_eq!(admitted(&limit, CLIENT, 20).await, 20, "nothing is lost");
    assert!(recovers(&limit).await);
    redis.forget_calls();
    assert_eq!(admitted(&limit, CLIENT, 5).await, 5);
    assert_eq!(redis.calls("evalsha"), 5);
}

#[tokio::test]
async fn a_foreign_value_under_a_key_is_written_over() {
    let redis = Redis::start();
    let limit = shared(&redis, Quota::per_hour(5));
    let key = "portcullis:{ip:192.0.2.1}:default";
    for foreign in [
        &["RPUSH", key, "a"][..],
        &["SET", key, "hello"],
        &["SET", key, "1 "],
    ] {
        let _ = redis.say(&["DEL", key]);
        let _ = redis.say(foreign);
        let fresh = shared(&redis, Quota::per_hour(5));
        assert_eq!(admitted(&fresh, CLIENT, 20).await, 5, "{foreign:?}");
        assert_eq!(count(&fresh, "store_failures"), 0);
    }
    drop(limit);
}

#[tokio::test]
async fn keys_share_a_tag_and_expire() {
    let redis = Redis::start();
    let store = RedisStore::open(&redis.url()).unwrap().prefix("shop");
    let limit = RateLimit::try_new([
        Policy::new("few", Quota::per_hour(1)),
        Policy::new("hour", Quota::per_hour(100)),
    ]);
    admitted(&limit.unwrap().shared(store), CLIENT, 1).await;

    let keys = redis.say(&["KEYS", "*"]);
    let mut keys: Vec<_> = keys.lines().collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["shop:{ip:192.0.2.1}:few", "shop:{ip:192.0.2.1}:hour"]
    );
    let hour: u64 = redis.say(&["PTTL", keys[1]]).parse().unwrap();
    assert!((1..=36_000).contains(&hour), "{hour} ms");
    let slots: Vec<_> = keys
        .iter()
        .map(|key| redis.say(&["CLUSTER", "KEYSLOT", key]))
        .collect();
    assert_eq!(slots[0], slots[1]);
}

#[tokio::test]
async fn a_larger_quota_before_locks_nobody_out() {
    let redis = Redis::start();
    assert_eq!(
        admitted(&shared(&redis, Quota::per_hour(100)), CLIENT, 100).await,
        100
    );

    let smaller = shared(&redis, Quota::per_second(10));
    assert_eq!(ask(&smaller, CLIENT).await.0, 429);
    sleep(Duration::from_millis(150)).await;
    assert_eq!(ask(&smaller, CLIENT).await.0, 200);
}

#[tokio::test]
async fn users_and_passwords_are_used_and_never_told() {
    let redis = Redis::start();
    let acl = [
        "ACL", "SETUSER", "gate", "on", ">s3cret", "~gate:*", "+@all",
    ];
    assert_eq!(redis.say(&acl), "OK");
    let at = redis.url().replace("redis://", "");
    let open = |user: &str| RedisStore::open(&format!("redis://{user}@{at}")).unwrap();
    let quota = Quota::per_hour(10);
    let charge = || vec![Charge::new("p".into(), "k", quota, 1)];

    let right = open("gate:s3cret").prefix("gate");
    assert_eq!(right.spend(charge()).await.unwrap()[0].requests, 1);
    let wrong = open("gate:wr0ng").prefix("gate");
    let error = wrong.spend(charge()).await.unwrap_err().to_string();
    let elsewhere = open("gate:s3cret").prefix("other");
    let denied = elsewhere.spend(charge()).await.unwrap_err().to_string();
    let bad = RedisStore::open("redis://gate:s3cret@:x:y")
        .unwrap_err()
        .to_string();
    let scheme = RedisStore::open("http://gate:s3cret@localhost")
        .unwrap_err()
        .to_string();
    for told in [error, denied, bad, scheme, format!("{right:?}")] {
        let is_secret = ["s3cret", "wr0ng"]
            .iter()
            .any(|secret| told.contains(secret));
        assert!(!told.is_empty() && !is_secret, "{told}");
    }
}

mod lockout {
    use portcullis::{
        Failure, FailureStore, Lock, LockoutRule,
        api_key::{ApiKey, ApiKeyGuard, Keys},
        edge::GuardLayer,
        lockout::Lockout,
    };

    use super::*;

    async fn status(lockout: &Lockout, keys: &Keys, key: &str) -> u16 {
        let hello = service_fn(|_: Request<_>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Body::default()))
        });
        let mut request = Request::new(Body::default());
        request
            .headers_mut()
            .insert("x-api-key", key.parse().unwrap());
        Facts::of_mut(request.extensions_mut()).set(ClientIp(CLIENT.into()));
        let guard = lockout.around(ApiKeyGuard::new(keys.clone()));
        let service = GuardLayer::from(guard).layer(hello);
        service.oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn redis_counts_failures_and_forgets_them() {
        let redis = Redis::start();
        let store = RedisStore::open(&redis.url()).unwrap();
        let second = Duration::from_secs(1);
        let rule = LockoutRule::new(2, second, 3 * second, second).unwrap();
        let fail = async |at_least| {
            let failure = Failure::new("ip:192.0.2.1", rule, at_least);
            store.fail(failure).await.unwrap()
        };

        assert_eq!(fail(0).await, Lock::new(1, Duration::ZERO));
        assert_eq!(fail(0).await, Lock::new(2, second));
        assert_eq!(fail(0).await, Lock::new(3, 2 * second));
        assert_eq!(fail(7).await, Lock::new(7, 3 * second));
        let ttl = redis.say(&["PTTL", "portcullis:{ip:192.0.2.1}:failures"]);
        let ttl: u64 = ttl.trim().parse().unwrap();
        assert!((3_000..=4_000).contains(&ttl), "{ttl}");
        let _ = redis.say(&["SET", "portcullis:{ip:192.0.2.1}:failures", "text"]);
        assert_eq!(fail(0).await, Lock::new(1, Duration::ZERO));
    }

    #[tokio::test]
    async fn instances_lock_out_together_and_alone_when_redis_is_gone() {
        let redis = Redis::start();
        let shared = || Lockout::default().shared(RedisStore::open(&redis.url()).unwrap());
        let (one, other) = (shared(), shared());
        let key = ApiKey::generate("pk").unwrap();
        let wrong = ApiKey::generate_with_id("pk", key.id()).unwrap();
        let keys = Keys::from(&key);
        let (right, wrong) = (key.expose(), wrong.expose());
        for _ in 0..3 {
            assert_eq!(status(&one, &keys, wrong).await, 401);
        }
        for _ in 0..2 {
            assert_eq!(status(&other, &keys, wrong).await, 401);
        }

        assert_eq!(status(&other, &keys, right).await, 429);
        let alone = shared();
        drop(redis);
        for _ in 0..5 {
            assert_eq!(status(&alone, &keys, wrong).await, 401);
        }
        assert_eq!(status(&alone, &keys, right).await, 429);
    }
}
/// What a store says of a nonce.
async fn is_first(store: &RedisStore, key: u8, lifetime: u64) -> Result<bool, String> {
    let now = 1_700_000_000;
    match store.note(&ReplayNote::new([key; 16], now, now + lifetime)) {
        Noted::Wait(wait) => wait.await.map_err(|error| error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_nonce_is_used_once_by_all_processes_together() {
    let redis = Redis::start();
    let stores = [(); 2].map(|()| RedisStore::open(&redis.url()).unwrap());

    assert_eq!(is_first(&stores[0], 1, 60).await, Ok(true));
    assert_eq!(is_first(&stores[1], 1, 60).await, Ok(false));
    assert_eq!(is_first(&stores[1], 2, 60).await, Ok(true));
    let racing = (0..32).map(|at| {
        let store = stores[at % 2].clone();
        tokio::spawn(async move { is_first(&store, 3, 60).await })
    });
    let mut first = 0;
    for raced in racing.collect::<Vec<_>>() {
        first += usize::from(raced.await.unwrap() == Ok(true));
    }
    assert_eq!(first, 1);
}

#[tokio::test]
async fn a_nonce_that_can_not_be_noted_is_an_error() {
    let redis = Redis::start();
    let store = RedisStore::open(&redis.url()).unwrap();
    assert_eq!(is_first(&store, 1, 60).await, Ok(true));
    drop(redis);

    assert!(is_first(&store, 2, 60).await.is_err());
}
