//! A day of a service that depends on another: it fails and comes back, ten times the load arrives,
//! unknown clients request anything, and then nobody does. Over real sockets, with time paused.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::{
    Health,
    health::Vitals,
    load_shed::LoadShed,
    outbound::{Breaker, BreakerConfig, Outbound, OutboundLayer},
};
use portcullis_axum::Refused;
use portcullis_prometheus::Metrics;
use portcullis_test::{Fault, FaultServer};
use portcullis_tests::net::{Answer, Client, Server};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

use super::clients::{Hyper, hyper};

/// The service, and what it depends on.
struct Scene {
    server: Server,
    stock: FaultServer,
    outbound: OutboundLayer,
    shed: LoadShed,
    metrics: Metrics,
}

/// What its handler needs.
struct Shop {
    stock: String,
    outbound: OutboundLayer,
    client: Hyper,
}

// ===== impl Scene =====

impl Scene {
    async fn start() -> Self {
        let stock = FaultServer::start().await.unwrap();
        let breaker = BreakerConfig::new().failures(5).open_for(OPEN);
        let outbound = Outbound::new().breaker(breaker).build().unwrap();
        let (shed, metrics) = (LoadShed::fixed(PLACES), Metrics::new());
        let waiting = shed.clone();
        let vitals = Vitals::new()
            .error_rate((0.05, 0.9))
            .silence(Duration::from_secs(30))
            .level("pending", 0.9, move || {
                f64::from(waiting.in_flight()) / f64::from(PLACES)
            });
        let health = Health::new().show_checks().vitals(&vitals);
        let edge = portcullis_axum::edge()
            .health(&health)
            .load_shed(shed.clone())
            .observe(metrics.clone())
            .observe(vitals)
            .build();
        let shop = Shop {
            stock: format!("http://{}/", stock.address()),
            outbound: outbound.clone(),
            client: hyper(),
        };
        let routes = Router::new().route("/order", get(order));
        let routes = routes.with_state(Arc::new(shop)).layer(edge.unwrap());
        health.start();
        Self {
            server: Server::start(routes).await,
            stock,
            outbound,
            shed,
            metrics,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(path, "a person").await
    }

    async fn ask(&self, path: &str, agent: &str) -> Answer {
        let request = Request::get(format!("http://shop.example{path}"));
        let request = request
            .header("host", "shop.example")
            .header("user-agent", agent);
        let mut client = Client::http1(self.server.address()).await;
        client
            .ask(request.body(Full::<Bytes>::default()).unwrap())
            .await
    }

    async fn orders(&self, count: usize) -> Vec<Answer> {
        join_all((0..count).map(|_| self.get("/order"))).await
    }

    /// What `/health` says, once its checks have run again.
    async fn health(&self) -> (u16, String) {
        sleep(Duration::from_secs(2)).await;
        let answer = self.get("/health").await;
        (answer.status.as_u16(), answer.text)
    }

    fn breaker(&self) -> &Breaker {
        self.outbound.breaker().unwrap()
    }

    fn key(&self) -> String {
        self.stock.address().to_string()
    }
}

/// Asks the stock, and answers as well as it can.
async fn order(State(shop): State<Arc<Shop>>) -> Response {
    let request = Request::get(&shop.stock).body(Full::<Bytes>::default());
    let client = shop.outbound.layer(shop.client.clone());
    match client.oneshot(request.unwrap()).await {
        Ok(response) => response.status().into_response(),
        Err(error) => match error.rejection() {
            Some(rejection) => Refused(rejection).into_response(),
            None => StatusCode::BAD_GATEWAY.into_response(),
        },
    }
}

fn count(answers: &[Answer], status: StatusCode) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
}

#[tokio::test(start_paused = true)]
async fn what_fails_once_is_asked_again_after_a_wait() {
    let scene = Scene::start().await;
    scene
        .stock
        .script([Fault::status(503), Fault::reset_on_request()]);
    let before = Instant::now();

    assert_eq!(scene.get("/order").await.status, StatusCode::OK);
    assert_eq!(scene.stock.requests(), 3);
    assert!(before.elapsed() <= Duration::from_millis(300), "two waits");
    let (status, said) = scene.health().await;
    assert!(
        status == 200 && said.contains(r#""status":"healthy""#),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_down_costs_five_calls_and_is_back_when_it_is_back() {
    let scene = Scene::start().await;
    scene.orders(5).await;
    scene.stock.usually(Fault::status(500));
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(scene.get("/order").await);
    }
    assert_eq!(count(&answers, StatusCode::INTERNAL_SERVER_ERROR), 5);
    assert_eq!(count(&answers, StatusCode::SERVICE_UNAVAILABLE), 35);
    assert!(
        answers[5..]
            .iter()
            .all(|answer| answer.headers.contains_key("retry-after"))
    );
    assert_eq!(scene.stock.requests(), 5 + 5);

    // It answers, badly: that is for people to know, and no reason to be killed or left alone.
    let (status, said) = scene.health().await;
    assert!(
        status == 200 && said.contains(r#""status":"degraded""#),
        "{said}"
    );
    assert!(said.contains(r#""errors":"degraded""#), "{said}");
    assert_eq!(scene.get("/ready").await.status, StatusCode::OK);
    assert!(scene.breaker().check(&scene.key()).is_err());

    scene.stock.usually(Fault::status(200));
    sleep(OPEN).await;
    let answers = scene.orders(1).await;
    assert_eq!(count(&answers, StatusCode::OK), 1);
    sleep(Duration::from_secs(61)).await;
    let served = count(&scene.orders(PLACES as usize).await, StatusCode::OK);
    assert!(served >= 1, "half-open admits one at once");
    let answers = scene.orders(PLACES as usize).await;
    assert_eq!(count(&answers, StatusCode::OK), answers.len());
    let (status, said) = scene.health().await;
    assert!(
        status == 200 && said.contains(r#""status":"healthy""#),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn ten_times_the_load_is_answered_at_once_and_what_is_admitted_is_served() {
    let scene = Scene::start().await;
    scene.stock.usually(Fault::status(200).after(4 * SECOND));
    let started = Instant::now();
    let burst = async {
        let answers = join_all((0..10 * PLACES).map(async |_| {
            let answer = scene.get("/order").await;
            (answer, started.elapsed())
        }));
        answers.await
    };
    let seen = async {
        sleep(2 * SECOND).await;
        let level = scene.shed.in_flight();
        (level, scene.get("/health").await)
    };
    let (answers, (level, health)) = tokio::join!(burst, seen);

    assert_eq!(level, PLACES);
    assert_eq!(health.status, StatusCode::OK);
    assert!(
        health.text.contains(r#""pending":"degraded""#),
        "{}",
        health.text
    );
    let (served, shed): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(answer, _)| answer.status == StatusCode::OK);
    assert_eq!(
        (served.len(), shed.len()),
        (PLACES as usize, 9 * PLACES as usize)
    );
    for (answer, took) in shed {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key("retry-after"));
        assert!(took < SECOND, "not behind those that are served: {took:?}");
    }
    assert_eq!(scene.stock.requests(), PLACES as usize);
    let (_, said) = scene.health().await;
    assert!(!said.contains("pending\":\"degraded"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn statistics_are_bounded_whatever_is_requested() {
    let scene = Scene::start().await;
    let series = || scene.metrics.encode().lines().count();
    scene.get("/order").await;
    scene.ask("/nothing", "an unknown client").await;
    let before = series();
    for number in 0..300 {
        let path = format!("/nothing/{number}?a={number}");
        scene.ask(&path, &format!("agent {number}")).await;
    }
    assert_eq!(series(), before);
}

#[tokio::test(start_paused = true)]
async fn half_a_minute_without_a_request_is_said() {
    let scene = Scene::start().await;
    scene.get("/order").await;
    sleep(32 * SECOND).await;
    let answer = scene.get("/health").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.text.contains(r#""activity":"degraded""#),
        "{}",
        answer.text
    );
}

/// Requests at once.
const PLACES: u32 = 8;
const OPEN: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
