//! A store that somebody else has.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use portcullis_core::Principal;
use tokio::time::{advance, sleep};

use super::super::*;

/// A database that counts, may be down, and takes its time.
#[derive(Clone, Default)]
struct Database {
    asked: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    is_revoked: Arc<AtomicBool>,
}

impl Database {
    fn cached(&self) -> CachedKeys {
        let database = self.clone();
        CachedKeys::new(move |id: &str| {
            let (database, id) = (database.clone(), id.to_owned());
            Lookup::wait(async move { database.select(&id).await })
        })
    }

    async fn select(&self, id: &str) -> Result<Option<KeyRecord>, String> {
        self.asked.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(10)).await;
        if self.hangs.load(Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(Relaxed) {
            return Err("no route".to_owned());
        }
        let is_there = id.starts_with("key") && !self.is_revoked.load(Relaxed);
        let digest = KeyDigest::from_secret("x");
        Ok(is_there.then(|| KeyRecord::new(digest, Principal::new("alice"))))
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Relaxed)
    }
}

/// Whether the key is there; `None` if nobody knows.
async fn find(keys: &CachedKeys, id: &str) -> Option<bool> {
    match keys.find(id) {
        Lookup::Known(record) => Some(record.is_some()),
        Lookup::Wait(waiting) => waiting.await.ok().map(|record| record.is_some()),
    }
}

#[tokio::test(start_paused = true)]
async fn hits_and_misses_are_kept_for_their_time() {
    let database = Database::default();
    let keys = database.cached();

    for _ in 0..3 {
        assert_eq!(find(&keys, "key").await, Some(true));
        assert_eq!(find(&keys, "other").await, Some(false));
    }
    assert_eq!(database.asked(), 2);
    advance(Duration::from_secs(6)).await;
    assert_eq!(
        (find(&keys, "key").await, find(&keys, "other").await),
        (Some(true), Some(false))
    );
    assert_eq!(database.asked(), 1, "of the miss");
    database.is_revoked.store(true, Relaxed);
    advance(Duration::from_secs(24)).await;
    assert_eq!(find(&keys, "key").await, Some(false));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_one_id_waits_for_one_look_up() {
    let database = Database::default();
    let keys = database.cached();
    let all = join_all((0..100).map(|_| find(&keys, "key"))).await;

    assert!(all.iter().all(|found| *found == Some(true)));
    assert_eq!(database.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_look_up_to_the_next() {
    let database = Database::default();
    let keys = database.cached();
    let given_up = tokio::time::timeout(Duration::from_millis(5), find(&keys, "key"));

    let (given_up, found) = tokio::join!(given_up, find(&keys, "key"));
    assert!(given_up.is_err());
    assert_eq!(found, Some(true));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_looked_up_once_whoever_goes_away() {
    let database = Database::default();
    let keys = database.cached();
    for _ in 0..10 {
        let going = tokio::time::timeout(Duration::from_millis(1), find(&keys, "key"));
        let _ = going.await;
    }

    assert_eq!(find(&keys, "key").await, Some(true));
    assert_eq!(database.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_a_look_up_may_take() {
    let database = Database::default();
    let keys = database.cached();
    database.hangs.store(true, Relaxed);
    let second = Duration::from_secs(1);
    let impatient =
        (1..=10).map(|n| tokio::time::timeout(second * n * 99 / 100, find(&keys, "key")));
    let begun = tokio::time::Instant::now();
    let patient = async {
        let found = find(&keys, "key").await;
        (found, begun.elapsed())
    };

    let (_, (found, waited)) = tokio::join!(join_all(impatient), patient);
    assert_eq!(found, None);
    assert!(waited <= second * 101 / 100, "{waited:?}");
    assert_eq!(database.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_left_alone_by_its_id() {
    let database = Database::default();
    let keys = database.cached();
    database.is_down.store(true, Relaxed);
    assert_eq!(find(&keys, "key").await, None);
    assert_eq!(find(&keys, "key2").await, None);
    assert_eq!(database.asked(), 2);

    advance(Duration::from_millis(900)).await;
    assert_eq!((find(&keys, "key").await, database.asked()), (None, 0));
    advance(Duration::from_millis(100)).await;
    assert_eq!((find(&keys, "key").await, database.asked()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_1024_look_ups_go_on() {
    let database = Database::default();
    let keys = database.cached();
    assert_eq!(find(&keys, "key").await, Some(true));
    database.hangs.store(true, Relaxed);
    advance(Duration::from_secs(31)).await;
    database.asked();
    let ids: Vec<_> = (0..1024).map(|n| format!("other{n}")).collect();
    let others = join_all(ids.iter().map(|id| find(&keys, id)));
    let more = async {
        sleep(Duration::from_millis(10)).await;
        (find(&keys, "one").await, find(&keys, "key").await)
    };

    let (_, more) = tokio::join!(others, more);
    assert_eq!(more, (None, Some(true)), "a key that was there goes on");
    assert_eq!(database.asked(), 1024);
    database.hangs.store(false, Relaxed);
    assert_eq!(
        find(&keys, "one").await,
        Some(false),
        "their places are free again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_answers_nobody_and_is_looked_at_again() {
    let database = Database::default();
    let panics = Arc::clone(&database.hangs);
    panics.store(true, Relaxed);
    let store = move |_: &str| {
        let (database, panics) = (database.clone(), panics.swap(false, Relaxed));
        Lookup::wait(async move {
            assert!(!panics, "a driver's mistake");
            database.select("key").await
        })
    };
    let keys = CachedKeys::new(store);

    assert_eq!(find(&keys, "key").await, None);
    assert_eq!(find(&keys, "key").await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_opens_only_what_was_open() {
    for how in [
        |database: &Database| &*database.is_down,
        |database| &*database.hangs,
    ] as [fn(&Database) -> &AtomicBool; 2]
    {
        let database = Database::default();
        let keys = database.cached();
        assert_eq!(find(&keys, "key").await, Some(true));
        how(&database).store(true, Relaxed);
        advance(Duration::from_secs(31)).await;
        database.asked();

        assert_eq!(find(&keys, "key").await, Some(true), "found not long ago");
        assert_eq!(find(&keys, "key2").await, None);
        assert_eq!(find(&keys, "other").await, None);
        assert_eq!(database.asked(), 3);
        let waiting = join_all((0..100).map(|_| find(&keys, "key2"))).await;
        assert!(waiting.iter().all(Option::is_none));
        assert!(database.asked() <= 1, "it is left alone");
        advance(Duration::from_secs(600)).await;
        assert_eq!(find(&keys, "key").await, None);
        how(&database).store(false, Relaxed);
        advance(Duration::from_secs(1)).await;
        assert_eq!(
            find(&keys, "key").await,
            Some(true),
            "it recovers by itself"
        );
        assert_eq!(find(&keys, "key2").await, Some(true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_of_unknown_ids_takes_no_room_from_keys_in_use() {
    let database = Database::default();
    let keys = database.cached().with_capacity(100);
    for _ in 0..3 {
        for key in 0..10 {
            find(&keys, &format!("key{key}")).await;
        }
    }
    database.asked();
    for other in 0..2_000 {
        // Nobody waits for the answer.
        drop(keys.find(&format!("other{other}")));
        if other % 100 == 0 {
            find(&keys, &format!("key{}", other / 100 % 10)).await;
        }
    }

    assert!(database.asked() <= 2, "keys were pushed out");
    assert!(format!("{keys:?}").contains("ids: 1"), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_looked_up_at_once() {
    let database = Database::default();
    let keys = database.cached();
    find(&keys, "key").await;
    database.is_revoked.store(true, Relaxed);
    keys.forget("key");

    assert_eq!(find(&keys, "key").await, Some(false));
}
