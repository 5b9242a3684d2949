use std::{
    future::{pending, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use http::Method;
use portcullis_test::{contract, echo, logged, request, send, text};
use tokio::time::sleep;
use tower::Layer;

use super::{Check, Degraded, Health, HealthLayer, ProbePaths, State};

mod details;
mod impact;
mod load;
mod probes;
mod telemetry;

contract!(Health::new().layer(), HealthLayer::off());

const SECOND: Duration = Duration::from_secs(1);

async fn probe(health: &Health, path: &str) -> (u16, String) {
    let shown = health.clone().show_checks();
    let response = send(shown.layer().layer(echo()), request(path)).await;
    let status = response.status().as_u16();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["vary"], "accept");
    (status, text(response).await)
}

async fn ok() -> Result<(), io::Error> {
    Ok(())
}

#[tokio::test]
async fn says_what_each_check_found() {
    let health = Health::new().check("mongodb", ok).check("redis", ok);
    health.settled().await;

    let healthy = r#"{"status":"healthy","checks":{"mongodb":"ok","redis":"ok"}}"#;
    assert_eq!(probe(&health, "/health").await, (200, healthy.to_owned()));
    let ready = r#"{"status":"ready","checks":{"mongodb":"ok","redis":"ok"}}"#;
    assert_eq!(probe(&health, "/ready").await, (200, ready.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn follows_a_dependency_down_and_up() {
    let up = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&up);
    let check = move || {
        let up = flag.load(Ordering::Relaxed);
        async move { up.then_some(()).ok_or("connection refused at 10.0.0.5") }
    };
    let health = Health::new().every(SECOND).check("redis", check);
    health.settled().await;

    let (status, body) = probe(&health, "/health").await;
    assert_eq!(
        (status, &*body),
        (
            503,
            r#"{"status":"unhealthy","reason":"redis: failing","checks":{"redis":"failing"}}"#
        )
    );
    let (status, body) = probe(&health, "/ready").await;
    let expected =
        r#"{"status":"not ready","reason":"redis: failing","checks":{"redis":"failing"}}"#;
    assert_eq!((status, &*body), (503, expected));

    up.store(true, Ordering::Relaxed);
    sleep(SECOND * 2).await;
    assert_eq!(probe(&health, "/ready").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_or_panics_fails() {
    let hangs = || pending::<Result<(), io::Error>>();
    let panics = || async { panic!("in a check") as Result<(), io::Error> };
    let panics_at_once = || -> std::future::Ready<Result<(), io::Error>> { panic!("in a closure") };
    let health = Health::new()
        .time_limit(SECOND)
        .check("a", hangs)
        .check("b", panics)
        .check("c", panics_at_once);

    assert_eq!(probe(&health, "/ready").await.0, 503);
    health.settled().await;
    let expected = r#"{"status":"unhealthy","reason":"a: timed out","checks":{"a":"timed out","b":"failing","c":"failing"}}"#;
    assert_eq!(probe(&health, "/health").await, (503, expected.to_owned()));
}

/// A future that blocks takes one thread, not one more each time, and not the only worker.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_check_that_blocks_in_its_future_is_not_called_again() {
    let (block, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let blocks = move || {
        let (blocked, calls) = (Arc::clone(&blocked), Arc::clone(&counted));
        async move {
            calls.fetch_add(1, Ordering::Relaxed);
            let _ = blocked.lock().unwrap().recv();
            Ok::<_, io::Error>(())
        }
    };
    let health = Health::new()
        .every(Duration::from_millis(1))
        .time_limit(Duration::from_millis(1))
        .check("db", blocks);

    while probe(&health, "/health").await.1
        != r#"{"status":"unhealthy","reason":"db: timed out","checks":{"db":"timed out"}}"#
    {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(20)).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    drop(block);
}

/// On a thread of its own, so that the others find out.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_check_that_blocks_before_its_future_fails() {
    let (block, blocked) = mpsc::channel::<()>();
    let (blocked, calls) = (Mutex::new(blocked), AtomicUsize::new(0));
    let blocks = move || {
        if calls.fetch_add(1, Ordering::Relaxed) > 0 {
            let _ = blocked.lock().unwrap().recv();
        }
        ready(Ok::<_, io::Error>(()))
    };
    let health = Health::new()
        .every(Duration::from_millis(1))
        .time_limit(Duration::from_millis(1))
        .check("db", blocks);

    probe(&health, "/ready").await;
    while probe(&health, "/health").await.1
        != r#"{"status":"unhealthy","reason":"db: timed out","checks":{"db":"timed out"}}"#
    {
        sleep(Duration::from_millis(1)).await;
    }
    drop(block);
}

#[tokio::test]
async fn is_not_ready_while_a_latch_is_held_or_draining() {
    let health = Health::new();
    let (first, second) = (health.latch(), health.latch());

    first.release();
    let (status, body) = probe(&health, "/ready").await;
    assert_eq!(
        (status, &*body),
        (
            503,
            r#"{"status":"not ready","reason":"warming up","checks":{}}"#
        )
    );
    drop(second);
    assert_eq!(probe(&health, "/ready").await.0, 200);

    health.drain();
    let (status, body) = probe(&health, "/ready").await;
    assert_eq!(
        (status, &*body),
        (
            503,
            r#"{"status":"not ready","reason":"draining","checks":{}}"#
        )
    );
    assert_eq!(probe(&health, "/health").await.0, 200);
}

#[tokio::test]
async fn everything_else_is_passed_on() {
    let health = Health::new();
    let mut post = request("/health");
    *post.method_mut() = Method::POST;
    for request in [request("/healthy"), request("/health/"), post] {
        let response = send(health.layer().layer(echo()), request).await;
        assert!(response.headers().is_empty());
    }
    let off = send(HealthLayer::off().layer(echo()), request("/health")).await;
    assert!(off.headers().is_empty());
}

#[tokio::test]
async fn probes_have_the_paths_that_are_set_and_no_others() {
    let paths = ProbePaths::new().health("/healthz").ready("/-/ready");
    let health = Health::new().paths(paths.live(None)).unwrap();

    assert_eq!(probe(&health, "/healthz").await.0, 200);
    assert_eq!(probe(&health, "/-/ready").await.0, 200);
    for path in ["/health", "/ready", "/live", "/startup"] {
        let response = send(health.layer().layer(echo()), request(path)).await;
        assert!(!response.headers().contains_key("cache-control"), "{path}");
    }
    let described = portcullis_core::Guard::describe(&health);
    assert_eq!(described, "/healthz and /-/ready, without checks");
}

#[test]
fn wrong_paths_are_named() {
    let wrong = |health: &str, ready: &str| {
        let paths = ProbePaths::new().health(health).ready(ready);
        Health::new().paths(paths).unwrap_err().to_string()
    };
    assert_eq!(
        wrong("healthz", "/a b"),
        "health: \"healthz\" is not a path; health: \"/a b\" is not a path"
    );
    assert_eq!(
        wrong("/a", "/a"),
        "health: \"/a\" is the path of two probes"
    );
    for path in ["", "/?", "/#", "/ä", "/a\n", "//ok", "/%zz", "/%a"] {
        let paths = ProbePaths::new().ready(path);
        assert!(Health::new().paths(paths).is_err(), "{path:?}");
    }
}

#[tokio::test]
async fn a_route_of_the_application_that_probes_never_reach_is_logged_once() {
    #[derive(Clone)]
    struct Matched(&'static str);
    let health = Health::new().route_from(Some(|extensions| {
        extensions.get::<Matched>().map(|matched| matched.0)
    }));
    let (log, ()) = logged(async {
        for route in ["/{page}", "/health", "/health"] {
            let mut request = request("/health");
            request.extensions_mut().insert(Matched(route));
            send(health.layer().layer(echo()), request).await;
        }
    })
    .await;

    assert_eq!(log.matches("a route of its own").count(), 1, "{log}");
    assert!(log.contains("/health"), "{log}");
}

#[tokio::test]
async fn what_could_be_better_is_said_and_serves_on() {
    let health = Health::new()
        .check("cache", || ready(Err(Degraded::new("slow at 10.0.0.5"))))
        .check("redis", ok);
    health.settled().await;

    let degraded = r#"{"status":"degraded","reason":"cache: degraded","checks":{"cache":"degraded","redis":"ok"}}"#;
    assert_eq!(probe(&health, "/health").await, (200, degraded.to_owned()));
    assert_eq!(probe(&health, "/ready").await.0, 200);
    let worse = Health::new()
        .check("cache", || ready(Err(Degraded::new("slow"))))
        .check("mongodb", || ready(Err::<(), _>("down")));
    worse.settled().await;
    assert_eq!(probe(&worse, "/health").await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_added_to_a_clone_later_runs_too() {
    let health = Health::new().check("first", ok);
    health.settled().await;
    let health = health.clone().check("second", ok);
    health.settled().await;

    assert_eq!(probe(&health, "/ready").await.0, 200);
}

#[test]
fn checks_go_on_in_another_runtime() {
    let health = Health::new().check("first", ok);
    for _ in 0..2 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            health.start();
            sleep(SECOND / 10).await;
        });
        assert!(health.checks().all(|(_, state)| state == State::Ok));
        drop(runtime);
        assert!(health.is_at_rest());
    }
}
