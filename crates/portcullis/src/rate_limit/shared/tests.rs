use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Request;
use portcullis_core::{BoxError, Charge, ClientIp, Counts, Facts, Quota, QuotaStore, Standing};
use portcullis_test::{Body, check_quota_store, echo, logged, request, send};
use tokio::time::{Instant, advance, sleep};
use tower::Layer;

use super::{MemoryStore, OnFailure, SharedRateLimit};
use crate::{
    engine::{Alone, Plain},
    rate_limit::{Policy, RateLimit},
};

/// What a store does, as a test tells it to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    Failing,
    /// It answers after so long.
    Slow(Duration),
}

/// A store in memory that fails when told to, and counts how often it was asked.
#[derive(Clone)]
struct Moody {
    store: MemoryStore,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
}

impl Moody {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(1024),
            mood: Arc::new(Mutex::new(Mood::Well)),
            asked: Arc::default(),
        }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Relaxed)
    }
}

impl QuotaStore for Moody {
    type Future = Pin<Box<dyn Future<Output = Result<Vec<Standing>, BoxError>> + Send>>;

    fn spend(&self, charges: Vec<Charge>) -> Self::Future {
        self.asked.fetch_add(1, Relaxed);
        let mood = *self.mood.lock().unwrap();
        let answer = self.store.spend(charges);
        Box::pin(async move {
            match mood {
                Mood::Well => answer.await,
                Mood::Failing => Err("out of order".into()),
                Mood::Slow(time) => {
                    sleep(time).await;
                    answer.await
                }
            }
        })
    }
}

fn from(ip: &str) -> Request<Body> {
    let mut request = request("/");
    Facts::of_mut(request.extensions_mut()).set(ClientIp(ip.parse().unwrap()));
    request
}

async fn status<Q: QuotaStore>(limit: &SharedRateLimit<Q>, ip: &str) -> u16 {
    let service = Alone::<_, Plain>::from(limit.clone()).layer(echo());
    send(service, from(ip)).await.status().as_u16()
}

async fn admitted<Q: QuotaStore>(limit: &SharedRateLimit<Q>, ip: &str, requests: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(status(limit, ip).await == 200);
    }
    admitted
}

fn count(limit: &impl Counts, name: &str) -> u64 {
    let counts = limit.counts();
    counts
        .iter()
        .find(|count| count.name.ends_with(name))
        .unwrap()
        .value
}

#[tokio::test(start_paused = true)]
async fn memory_is_a_store() {
    check_quota_store(MemoryStore::new(1024), "run", advance).await;
}

#[tokio::test(start_paused = true)]
async fn several_processes_spend_one_quota() {
    let store = MemoryStore::new(1024);
    let limits = [(); 3].map(|()| RateLimit::new(Quota::per_hour(10)).shared(store.clone()));
    let mut total = 0;
    for limit in limits.iter().cycle().take(60) {
        total += admitted(limit, "192.0.2.1", 1).await;
    }

    assert_eq!(total, 10);
    assert_eq!(admitted(&limits[0], "192.0.2.2", 20).await, 10);
}

#[tokio::test(start_paused = true)]
async fn who_is_known_to_be_over_costs_no_round_trip() {
    let store = Moody::new();
    let limit = RateLimit::new(Quota::per_second(1).burst(5)).shared(store.clone());

    assert_eq!(admitted(&limit, "192.0.2.1", 100).await, 5);
    assert_eq!(store.asked(), 5, "one for each that was admitted");
    advance(Duration::from_secs(1)).await;
    assert_eq!(admitted(&limit, "192.0.2.1", 100).await, 1);
    assert_eq!(store.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_this_process_goes_on_from_what_it_knew() {
    let store = Moody::new();
    let limit = RateLimit::new(Quota::per_hour(10)).shared(store.clone());
    assert_eq!(admitted(&limit, "192.0.2.1", 6).await, 6);
    store.set(Mood::Failing);

    assert_eq!(admitted(&limit, "192.0.2.1", 100).await, 4);
    assert_eq!(admitted(&limit, "192.0.2.2", 100).await, 10);
}

#[tokio::test(start_paused = true)]
async fn or_lets_everything_pass_or_nothing() {
    for (on_failure, expected) in [(OnFailure::Open, 200), (OnFailure::Closed, 503)] {
        let store = Moody::new();
        store.set(Mood::Failing);
        let limit = RateLimit::new(Quota::per_hour(1))
            .shared(store)
            .with_on_failure(on_failure);
        for _ in 0..20 {
            assert_eq!(status(&limit, "192.0.2.1").await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stalls_costs_its_time_limit_three_times_and_then_nothing() {
    let store = Moody::new();
    store.set(Mood::Slow(Duration::from_secs(2)));
    let limit = RateLimit::new(Quota::per_hour(1000)).shared(store.clone());
    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        assert_eq!(status(&limit, "192.0.2.1").await, 200);
        times.push(started.elapsed().as_millis());
    }

    assert_eq!(times, [50, 50, 50, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(store.asked(), 3);
    assert_eq!(count(&limit, "store_up"), 0);
    assert_eq!(count(&limit, "store_failures"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_found_by_one_request_a_second() {
    let store = Moody::new();
    let limit = RateLimit::new(Quota::per_hour(1000)).shared(store.clone());
    let (log, ()) = logged(async {
        store.set(Mood::Failing);
        for _ in 0..50 {
            admitted(&limit, "192.0.2.1", 1).await;
            advance(Duration::from_millis(100)).await;
        }
        assert_eq!(
            store.asked(),
            3 + 4,
            "three, and one in each further second"
        );
        store.set(Mood::Well);
        advance(Duration::from_secs(1)).await;
        admitted(&limit, "192.0.2.1", 10).await;
        assert_eq!(store.asked(), 10);
        assert_eq!(count(&limit, "store_up"), 1);
    })
    .await;

    assert_eq!(
        log.matches("does not answer; on failure: local").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("answers again").count(), 1, "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_saves_round_trips_within_its_bound() {
    let store = Moody::new();
    let limits = [(); 2].map(|()| {
        RateLimit::new(Quota::per_second(10).burst(50))
            .shared(store.clone())
            .with_lease(10)
    });
    let mut total = 0;
    for limit in limits.iter().cycle().take(200) {
        total += admitted(limit, "192.0.2.1", 1).await;
    }
    assert_eq!(total, 50, "what is leased is spent from the one quota");
    assert!(store.asked() <= 50 / 10 + 2);

    // At a moment, two processes may have nine leased requests each besides.
    let mut most = 0;
    for _ in 0..100 {
        advance(Duration::from_millis(100)).await;
        for limit in &limits {
            most += admitted(limit, "192.0.2.1", 20).await;
        }
    }
    assert!(most <= 100 + 2 * 9, "{most}");
    assert!(most >= 80, "{most}");
}

#[tokio::test(start_paused = true)]
async fn dry_runs_are_counted_here_and_refuse_nothing() {
    let store = Moody::new();
    let limit = RateLimit::try_new([
        Policy::new("real", Quota::per_hour(20)),
        Policy::new("dry", Quota::per_hour(5)).dry_run(),
    ])
    .unwrap()
    .shared(store.clone());

    assert_eq!(admitted(&limit, "192.0.2.1", 30).await, 20);
    assert_eq!(count(&limit, "dry_run_refused"), 0, "of the first policy");
    let only_dry = RateLimit::try_new([Policy::new("dry", Quota::per_hour(1)).dry_run()]).unwrap();
    store.asked();
    assert_eq!(
        admitted(&only_dry.shared(store.clone()), "192.0.2.1", 9).await,
        9
    );
    assert_eq!(store.asked(), 0);
}

/// Of two quotas one is nearly spent: who loses the race for it spends nothing of the other.
#[test]
fn a_memory_store_spends_all_or_nothing() {
    let quota = Quota::per_hour;
    let charges = || {
        let charge = |policy: &str, quota| Charge::new(policy.into(), "all", quota, 1);
        vec![charge("wide", quota(1000)), charge("narrow", quota(8))]
    };
    for _ in 0..200 {
        let store = MemoryStore::new(16);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..8).for_each(|_| drop(store.spend(charges()))));
            }
        });
        let last = store.spend(charges()).into_inner().unwrap();
        // 8 of 3.6 s each, less what has passed.
        assert!(
            last[0].whole_in <= Duration::from_millis(28_800),
            "{:?}",
            last[0]
        );
    }
}

/// As in Redis: what was spent at another rate locks nobody out for longer than a window.
#[tokio::test(start_paused = true)]
async fn nobody_owes_a_memory_store_more_than_a_burst() {
    let store = MemoryStore::new(16);
    let spend = |quota| {
        let charge = Charge::new("p".into(), "key", quota, 1);
        store.spend(vec![charge]).into_inner().unwrap()[0].wait
    };
    let slow = Quota::per_hour(1).burst(100);
    for _ in 0..100 {
        assert_eq!(spend(slow), Duration::ZERO);
    }
    let fast = Quota::per_second(10);

    assert_eq!(spend(fast), Duration::from_millis(100));
    advance(Duration::from_millis(100)).await;
    assert_eq!(spend(fast), Duration::ZERO);
}

/// Strangers in a full store share a number, and so may two charges of one request: it is spent once for
/// both, or not at all.
#[tokio::test(start_paused = true)]
async fn two_charges_that_share_a_number_are_spent_both_or_none() {
    let store = MemoryStore::new(0);
    let charge = |policy: &str, key: usize, cost| {
        Charge::new(policy.into(), key.to_string(), Quota::per_hour(10), cost)
    };
    for key in 0..10 {
        store.spend(vec![charge("a", key, 1)]).await.unwrap();
    }
    let both = || vec![charge("a", 99, 6), charge("b", 99, 6)];
    let spent = store.spend(both()).await.unwrap();
    let requests: Vec<_> = spent.iter().map(|standing| standing.requests).collect();
    assert_eq!(requests, [0, 0]);

    // What was given back can be spent. (A number that is not 0 has spent something.)
    let spent = store.spend(vec![charge("a", 99, 9)]).await.unwrap();
    assert_eq!(spent[0].requests, 1);
}

#[tokio::test(start_paused = true)]
async fn what_passes_uncounted_is_not_charged_afterwards() {
    let moody = Moody::new();
    moody.set(Mood::Failing);
    let policy = Policy::new("p", Quota::per_hour(10)).cost_after(|_| 5);
    let limit = RateLimit::try_new([policy]).unwrap();
    let limit = limit.shared(moody).with_on_failure(OnFailure::Open);

    assert_eq!(admitted(&limit, "192.0.2.1", 50).await, 50);
}
