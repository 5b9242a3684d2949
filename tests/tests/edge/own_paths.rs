//! What the edge answers in place of the application.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use portcullis::{
    Health,
    api_key::{ApiKey, Keys},
    health::ProbePaths,
    reports::{DEFAULT_PATH, Reports},
    secure_headers::{Csp, SecureHeaders},
};
use portcullis_axum::{AxumEdge, edge};
use portcullis_prometheus::Metrics;
use portcullis_test::logged;
use portcullis_tests::net::{Answer, Client, Server, request};
use tokio::time::sleep;

const REPORT: &str = r#"[{"type":"csp-violation","body":
    {"effectiveDirective":"script-src-attr","disposition":"report"}}]"#;

async fn ask(app: Router, path: &str) -> Answer {
    let server = Server::start(app).await;
    Client::http1(server.address())
        .await
        .ask(request(path, &[]))
        .await
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/health", get(|| async { "the application's own" }))
        .route("/{page}", get(|| async { "a page" }))
}

fn guarded() -> AxumEdge {
    let key = ApiKey::generate("pk").unwrap();
    edge().api_keys(Keys::from(&key))
}

#[tokio::test]
async fn what_is_off_leaves_its_paths_to_the_application() {
    let edge = edge().health(None).build().unwrap();

    assert_eq!(
        ask(app().layer(edge), "/health").await.text,
        "the application's own"
    );
}

#[tokio::test]
async fn a_route_that_is_not_reached_is_told_once() {
    let (log, ()) = logged(async {
        let edge = edge().health(&Health::new()).build().unwrap();
        let server = Server::start(app().layer(edge)).await;
        let mut client = Client::http1(server.address()).await;
        for path in ["/ready", "/health", "/health"] {
            let answer = client.ask(request(path, &[])).await;
            assert!(answer.text.starts_with("{\"status\":"), "{answer:?}");
        }
    })
    .await;

    assert_eq!(log.matches("a route of its own").count(), 1, "{log}");
}

#[tokio::test]
async fn an_explanation_names_the_paths() {
    let health = Health::new()
        .paths(
            ProbePaths::new()
                .health("/livez")
                .ready("/readyz")
                .live(None),
        )
        .unwrap();
    let edge = edge().health(&health).reports(&Reports::new());
    let explained = edge.build().unwrap().explain().to_string();

    assert!(explained.contains("/livez and /readyz"), "{explained}");
    assert!(
        explained.contains("POST /.well-known/csp-reports"),
        "{explained}"
    );
    let health = Health::new()
        .paths(ProbePaths::new().health(DEFAULT_PATH))
        .unwrap();
    let clash = guarded().health(&health).reports(&Reports::new()).build();
    assert_eq!(
        clash.unwrap_err().to_string(),
        "reports: their path is that of a probe"
    );
    let unseen = guarded()
        .secure_headers(None)
        .reports(&Reports::new())
        .build();
    assert_eq!(
        unseen.unwrap_err().to_string(),
        "reports: secure headers are off, and tell no browser of them"
    );
}

#[tokio::test]
async fn reports_need_no_key_and_are_counted_among_the_metrics() {
    let metrics = Metrics::new();
    let headers = SecureHeaders::page().report_only(Csp::strict());
    let edge = guarded().observe(metrics.clone()).secure_headers(headers);
    let reports = Reports::new().at("/app/reports").unwrap();
    let edge = edge.reports(&reports).build().unwrap();
    let server = Server::start(Router::new().nest("/app", app().layer(edge))).await;
    let mut client = Client::http1(server.address()).await;

    let refused = client.ask(request("/app/nothing", &[])).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("reporting-endpoints"),
        "portcullis=\"/app/reports\""
    );
    let policy = refused.header("content-security-policy");
    assert!(policy.ends_with("; report-uri /app/reports"), "{policy}");
    let answer = client.ask(report("/app/reports")).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""));
    sleep(Duration::from_millis(50)).await;
    let line = "portcullis_csp_violations_total\
                {directive=\"script-src-attr\",disposition=\"report\"} 1";
    assert!(metrics.encode().contains(line), "{}", metrics.encode());
}

fn report(path: &str) -> Request<Full<Bytes>> {
    let mut post = request(path, &[("content-type", "application/reports+json")]);
    *post.method_mut() = Method::POST;
    *post.body_mut() = Full::from(REPORT);
    post
}
