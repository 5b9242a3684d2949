//! What a process sees of itself is what `/health` says, by name, and comes and goes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::Request,
    routing::{get, post},
};
use http::{StatusCode, request};
use http_body_util::BodyExt;
use portcullis::{Health, health::Vitals};
use tokio::time::sleep;
use tower::ServiceExt;

/// An application, and two levels of it in percent.
struct App {
    router: Router,
    queue: Arc<AtomicU64>,
    memory: Arc<AtomicU64>,
}

impl App {
    fn new() -> Self {
        let (queue, memory) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let level = |of: &Arc<AtomicU64>| {
            let of = Arc::clone(of);
            move || of.load(Relaxed) as f64 / 100.0
        };
        let vitals = Vitals::new()
            .panics(5)
            .error_rate((0.05, 0.5))
            .silence(30 * SECOND)
            .level("pending", (0.9, 1.0), level(&queue))
            .level("memory", 0.8, level(&memory));
        let health = Health::new().show_checks().vitals(&vitals);
        let edge = portcullis_axum::edge().health(&health).observe(vitals);
        let panics = || async {
            if true {
                panic!("on purpose");
            }
        };
        let router = Router::new()
            .route("/", get(|| async { "ok" }))
            .route("/panic", get(panics))
            .route("/slow", post(std::future::pending::<()>))
            .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
            .layer(edge.build().unwrap());
        health.start();
        Self {
            router,
            queue,
            memory,
        }
    }

    async fn ask(&self, path: &str) -> (u16, String) {
        self.send(Request::get(path)).await
    }

    async fn send(&self, request: request::Builder) -> (u16, String) {
        let request = request.header("host", "a").body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// What `/health` says once the checks ran again: its status, and the checks that are not ok.
    async fn health(&self) -> (u16, String, Vec<(String, String)>) {
        sleep(2 * SECOND).await;
        let (status, body) = self.ask("/health").await;
        let said: serde_json::Value = serde_json::from_str(&body).unwrap();
        let checks = said["checks"].as_object().unwrap().iter();
        let unwell = checks.filter(|(_, state)| *state != "ok");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let unwell = unwell.map(|(name, state)| (name.clone(), text(state)));
        (status, text(&said["status"]), unwell.collect())
    }

    #[track_caller]
    fn assert(said: &(u16, String, Vec<(String, String)>), status: u16, word: &str, why: &[&str]) {
        let names: Vec<_> = said.2.iter().map(|(name, _)| &**name).collect();
        assert_eq!((said.0, &*said.1, &*names), (status, word, why), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_levels_and_errors_degrade_and_pass_again() {
    let app = App::new();
    App::assert(&app.health().await, 200, "healthy", &[]);

    app.queue.store(95, Relaxed);
    App::assert(&app.health().await, 200, "degraded", &["pending"]);
    app.queue.store(101, Relaxed);
    App::assert(&app.health().await, 503, "unhealthy", &["pending"]);
    app.queue.store(10, Relaxed);
    app.memory.store(81, Relaxed);
    App::assert(&app.health().await, 200, "degraded", &["memory"]);
    app.memory.store(80, Relaxed);
    App::assert(&app.health().await, 200, "healthy", &[]);

    for number in 0..100 {
        let path = if number < 6 { "/broken" } else { "/" };
        app.ask(path).await;
    }
    App::assert(&app.health().await, 200, "degraded", &["errors"]);
    assert_eq!(app.ask("/ready").await.0, 200);
    sleep(60 * SECOND).await;
    for _ in 0..30 {
        app.ask("/").await;
    }
    App::assert(&app.health().await, 200, "healthy", &[]);
    for _ in 0..60 {
        app.ask("/broken").await;
    }
    App::assert(&app.health().await, 503, "unhealthy", &["errors"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_too_late_is_an_error_though_its_status_is_200() {
    let app = App::new();
    let asked = (0..30).map(|_| {
        let call = Request::post("/slow").header("content-type", "application/grpc");
        app.send(call)
    });
    for (status, _) in futures_util::future::join_all(asked).await {
        assert_eq!(status, 200);
    }

    App::assert(&app.health().await, 503, "unhealthy", &["errors"]);
}

#[tokio::test(start_paused = true)]
async fn probes_that_fail_are_no_errors_of_the_application() {
    let app = App::new();
    for _ in 0..60 {
        app.ask("/broken").await;
    }
    App::assert(&app.health().await, 503, "unhealthy", &["errors"]);

    for _ in 0..70 {
        sleep(SECOND).await;
        app.ask("/ready").await;
        app.ask("/health").await;
    }
    App::assert(&app.health().await, 200, "healthy", &[]);
}

#[tokio::test(start_paused = true)]
async fn nobody_asking_degrades() {
    let app = App::new();
    app.ask("/").await;
    sleep(20 * SECOND).await;
    app.ask("/").await;
    sleep(27 * SECOND).await;
    App::assert(&app.health().await, 200, "healthy", &[]);
    sleep(31 * SECOND).await;
    // This probe is not the first to notice: the check ran before it.
    App::assert(&app.health().await, 200, "degraded", &["activity"]);
}

#[tokio::test(start_paused = true)]
async fn too_many_panics_a_minute_make_it_not_ready_and_it_comes_back() {
    let app = App::new();
    for _ in 0..40 {
        app.ask("/").await;
    }
    for _ in 0..5 {
        assert_eq!(app.ask("/panic").await.0, 500);
    }
    sleep(2 * SECOND).await;
    assert_eq!(app.ask("/ready").await.0, 200);
    app.ask("/panic").await;
    sleep(2 * SECOND).await;
    assert_eq!(app.ask("/ready").await.0, 503);
    let said = app.health().await;
    assert!(
        said.2
            .contains(&("panics".to_owned(), "failing".to_owned())),
        "{said:?}"
    );
    sleep(60 * SECOND).await;
    assert_eq!(app.ask("/ready").await.0, 200);
}

#[test]
fn what_no_level_can_be_is_said_when_the_edge_is_built() {
    let vitals = Vitals::new()
        .error_rate(7.0)
        .silence(Duration::ZERO)
        .level("reversed", (1.0, 0.5), || 0.0)
        .level("nothing", f64::NAN, || 0.0);
    let health = Health::new()
        .every(Duration::ZERO)
        .time_limit(Duration::ZERO);
    let edge = portcullis::Edge::new()
        .health(&health.vitals(&vitals))
        .observe(vitals);
    let error = edge.build().unwrap_err();

    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 6, "{problems:?}");
}

#[tokio::test]
async fn vitals_that_see_nothing_are_noticed() {
    for is_observed in [false, true] {
        let vitals = Vitals::new().panics(5);
        let mut edge = portcullis::Edge::new().health(&Health::new().vitals(&vitals));
        if is_observed {
            edge = edge.observe(vitals);
        }
        let (log, _) = portcullis_test::logged(async { edge.build().unwrap() }).await;
        assert_eq!(log.contains("see nothing"), !is_observed, "{log}");
    }
}

const SECOND: Duration = Duration::from_secs(1);
