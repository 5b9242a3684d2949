//! Readiness falls when the edge sheds.

use std::sync::atomic::AtomicU64;

use http::{Request, Response};
use portcullis_test::{Chunks, Test};
use tower::service_fn;

use super::*;
use crate::{Edge, load_shed::LoadShed};

/// A guard's counts of admitted and shed requests.
#[derive(Clone, Default)]
struct Counted(Arc<[AtomicU64; 2]>);

impl Counted {
    fn watched_by(health: &Health) -> Self {
        let counted = Self::default();
        let read = Arc::downgrade(&counted.0);
        health.watch_load(move || {
            let counts = read.upgrade()?;
            Some([0, 1].map(|at| counts[at].load(Ordering::Relaxed)))
        });
        counted
    }

    fn add(&self, admitted: u64, shed: u64) {
        self.0[0].fetch_add(admitted, Ordering::Relaxed);
        self.0[1].fetch_add(shed, Ordering::Relaxed);
    }
}

/// The status of `/ready` after each second in which a guard admits and sheds so many.
async fn statuses(health: &Health, guard: &Counted, seconds: usize, load: [u64; 2]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..seconds {
        guard.add(load[0], load[1]);
        sleep(SECOND).await;
        statuses.push(probe(health, "/ready").await.0);
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn shedding_most_for_three_seconds_is_not_ready_and_comes_back_after_five() {
    let health = Health::new();
    let guard = Counted::watched_by(&health);
    health.settled().await;
    sleep(SECOND / 2).await;

    let busy = statuses(&health, &guard, 20, [1000, 999]).await;
    assert_eq!(busy, [200; 20], "half is not most");
    let few = statuses(&health, &guard, 10, [0, 19]).await;
    assert_eq!(few, [200; 10], "a handful says nothing");
    let shedding = statuses(&health, &guard, 4, [9, 11]).await;
    assert_eq!(shedding, [200, 200, 503, 503]);
    assert_eq!(probe(&health, "/health").await.0, 200);
    assert_eq!(probe(&health, "/live").await.0, 200);
    let quiet = statuses(&health, &guard, 6, [0, 0]).await;
    assert_eq!(quiet, [503, 503, 503, 503, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn bursts_do_not_make_it_flap() {
    let health = Health::new();
    let guard = Counted::watched_by(&health);
    health.settled().await;
    sleep(SECOND / 2).await;

    for _ in 0..10 {
        assert_eq!(statuses(&health, &guard, 2, [0, 100]).await, [200; 2]);
        assert_eq!(statuses(&health, &guard, 1, [100, 0]).await, [200]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_several_guards_is_enough_and_one_that_is_gone_is_none() {
    let health = Health::new();
    let [idle, busy] = [(); 2].map(|()| Counted::watched_by(&health));
    let clone = health.clone();
    health.settled().await;
    sleep(SECOND / 2).await;
    assert_eq!(statuses(&clone, &busy, 3, [0, 100]).await, [200, 200, 503]);

    drop(busy);
    assert_eq!(statuses(&clone, &idle, 5, [9, 0]).await[4], 200);
}

/// A response that holds its place until it is dropped.
fn download<B: Send + 'static>() -> impl Test<B, Chunks> {
    service_fn(|_: Request<B>| async { Ok(Response::new(Chunks::new([Ok("a"), Ok("b")]))) })
}

/// An edge with one place, which is taken.
async fn shedding(health: Health) -> u16 {
    let edge = Edge::new().hygiene(None).health(&health);
    let edge = edge.load_shed(LoadShed::fixed(1)).build().unwrap();
    let app = edge.layer(download());
    health.settled().await;
    let held = send(app.clone(), request("/")).await;
    for _ in 0..4 {
        for _ in 0..30 {
            let shed = send(app.clone(), request("/")).await;
            assert_eq!(shed.status(), 503);
        }
        sleep(SECOND).await;
    }
    let ready = send(app, request("/ready")).await.status().as_u16();
    drop(held);
    ready
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_sheds_is_not_ready_unless_it_is_told() {
    assert_eq!(shedding(Health::new()).await, 503);
    assert_eq!(shedding(Health::new().ready_while_shedding()).await, 200);
}
