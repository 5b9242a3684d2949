//! A service with so many workers, each of which takes so long, and clients that do not wait for each
//! other. Time is paused.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Response;
use portcullis_test::{Body, Test, request, send};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, consume_budget},
    time::{Instant, sleep, sleep_until},
};
use tower::{Layer, service_fn};

use super::shed;
use crate::{Guard, Reply, edge::EdgeBody, load_shed::LoadShed};

/// What clients got.
#[derive(Default)]
struct Got {
    served: AtomicU64,
    shed: AtomicU64,
    /// In microseconds, of what was served.
    slowest: AtomicU64,
}

impl Got {
    fn take(&self) -> (u64, u64) {
        (self.served.swap(0, Relaxed), self.shed.swap(0, Relaxed))
    }
}

/// A service with so many workers.
fn workers(count: usize, time: Duration) -> impl Test<Body> {
    let workers = Arc::new(Semaphore::new(count));
    service_fn(move |_| {
        let workers = Arc::clone(&workers);
        async move {
            let _worker = workers.acquire().await;
            sleep(time).await;
            Ok::<_, Infallible>(Response::new(Body::from("done")))
        }
    })
}

/// Sends so many requests each millisecond, for some time.
async fn send_each_millisecond(
    service: impl Test<Body, EdgeBody<Body>>,
    count: u32,
    time: Duration,
    got: &Arc<Got>,
) {
    let begin = Instant::now();
    for at in 0..time.as_millis() as u64 {
        sleep_until(begin + Duration::from_millis(at)).await;
        for _ in 0..count {
            tokio::spawn(ask(service.clone(), Arc::clone(got)));
        }
    }
}

async fn ask(service: impl Test<Body, EdgeBody<Body>>, got: Arc<Got>) {
    let begin = Instant::now();
    let response = send(service, request("/")).await;
    match response.status().as_u16() {
        503 => got.shed.fetch_add(1, Relaxed),
        _ => {
            let took = begin.elapsed().as_micros() as u64;
            got.slowest.fetch_max(took, Relaxed);
            got.served.fetch_add(1, Relaxed)
        }
    };
}

#[tokio::test(start_paused = true)]
async fn at_ten_times_its_capacity_a_service_does_what_it_can_and_recovers() {
    let (guard, got) = (LoadShed::adaptive(), Arc::new(Got::default()));
    // 5 workers of 10 ms: one in two milliseconds, and timers that are late by one.
    let peak = 5.0 / 11.0;
    let service = shed(&guard).layer(workers(5, Duration::from_millis(10)));
    let time = Duration::from_secs(12);

    send_each_millisecond(service.clone(), 5, time, &got).await;
    let (served, was_shed) = got.take();

    let goodput = served as f64 / time.as_millis() as f64;
    assert!(goodput >= 0.9 * peak, "{goodput} a millisecond");
    assert!(was_shed > served * 8, "{was_shed} shed");

    sleep(Duration::from_secs(2)).await;
    got.take();
    let half = Duration::from_millis(2000);
    let begin = Instant::now();
    while begin.elapsed() < half {
        tokio::spawn(ask(service.clone(), Arc::clone(&got)));
        sleep(Duration::from_millis(4)).await;
    }
    assert_eq!(got.take().1, 0, "none is shed at half its capacity");
    assert!(guard.limit() >= 100, "{}", guard.limit());
}

#[tokio::test(start_paused = true)]
async fn load_that_falls_without_a_pause_is_not_shed_after_two_seconds() {
    let (guard, got) = (LoadShed::adaptive(), Arc::new(Got::default()));
    let service = shed(&guard).layer(workers(16, Duration::from_millis(10)));
    send_each_millisecond(service.clone(), 10, Duration::from_secs(3), &got).await;

    send_each_millisecond(service.clone(), 1, Duration::from_secs(2), &got).await;
    got.take();
    send_each_millisecond(service, 1, Duration::from_secs(5), &got).await;

    assert_eq!(got.take().1, 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_after_a_quiet_time_is_not_shed() {
    let (guard, got) = (LoadShed::adaptive(), Arc::new(Got::default()));
    let service = shed(&guard).layer(workers(10, Duration::from_millis(10)));
    send_each_millisecond(service.clone(), 10, Duration::from_secs(3), &got).await;
    assert!(guard.limit() < 30, "{}", guard.limit());
    sleep(Duration::from_secs(60)).await;
    got.take();

    for _ in 0..128 {
        tokio::spawn(ask(service.clone(), Arc::clone(&got)));
    }
    sleep(Duration::from_secs(1)).await;

    assert_eq!(got.take(), (128, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_admitted_is_served_soon_at_ten_times_the_capacity() {
    let (guard, got) = (LoadShed::adaptive(), Arc::new(Got::default()));
    let service = shed(&guard).layer(workers(5, Duration::from_millis(10)));
    send_each_millisecond(service.clone(), 5, Duration::from_secs(3), &got).await;
    got.slowest.store(0, Relaxed);

    send_each_millisecond(service, 5, Duration::from_secs(10), &got).await;

    let slowest = Duration::from_micros(got.slowest.load(Relaxed));
    assert!(slowest <= Duration::from_millis(40), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn one_in_a_million_is_not_shed_below_capacity() {
    let guard = LoadShed::adaptive();
    let mut clients = JoinSet::new();
    for _ in 0..100 {
        let guard = guard.clone();
        clients.spawn(async move {
            let mut was_shed = 0;
            for turn in 0..MILLION / 100 {
                was_shed += u32::from(!pass(&guard, turn.is_multiple_of(4)).await);
            }
            was_shed
        });
    }

    assert_eq!(clients.join_all().await.iter().sum::<u32>(), 0);
    assert_eq!(guard.in_flight(), 0);
    assert!(guard.limit() >= 128, "{}", guard.limit());
}

/// One request, without a layer. It spends what its task may use of the runtime, again and again.
/// Returns `true` if it was admitted.
async fn pass(guard: &LoadShed, waits: bool) -> bool {
    let (mut head, ()) = http::Request::new(()).into_parts();
    let mut reply = Reply::default();
    let verdict = guard.admit(&mut head, &mut reply);
    for _ in 0..3 {
        consume_budget().await;
    }
    if waits {
        sleep(Duration::from_millis(1)).await;
    }
    let (head, ()) = Response::new(()).into_parts();
    reply.tell_head(&head);
    verdict.is_admit()
}

const MILLION: u32 = 1_000_000;
