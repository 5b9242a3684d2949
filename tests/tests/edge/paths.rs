//! Patterns of paths, against the router that serves the requests.

use std::{cell::RefCell, collections::HashMap};

use axum::{
    Router,
    body::Body,
    routing::{any, get},
};
use http::{Method, Request, StatusCode};
use portcullis::{
    Paths, Quota, RequestPath,
    api_key::{ApiKey, Keys},
    rate_limit::{Policy, RateLimit},
};
use portcullis_tests::net::{Client, Server, request};
use proptest::{prelude::*, test_runner::TestRunner};
use tower::ServiceExt;

/// The routes that a pattern stands for, as axum writes them.
fn routes(pattern: &str) -> Vec<String> {
    match pattern.strip_suffix("/*") {
        Some(base) => vec![format!("{base}/"), format!("{base}/{{*rest}}")],
        None => vec![pattern.to_owned()],
    }
}

fn router(pattern: &str) -> Router {
    let app = Router::new().fallback(|| async { "other" });
    let add = |app: Router, route: String| app.route(&route, any(|| async { "own" }));
    routes(pattern).into_iter().fold(app, add)
}

#[expect(clippy::unwrap_used, reason = "the body is one of ours")]
async fn is_served_by(app: &Router, path: &str) -> Option<bool> {
    let request = Request::builder().uri(path);
    let request = request
        .header("host", "localhost")
        .body(Body::empty())
        .ok()?;
    let response = app.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 16)
        .await
        .unwrap();
    Some(body == "own")
}

/// 10,000 pairs, of an alphabet in which most paths are near misses.
#[test]
fn no_path_gets_around_a_pattern_and_none_is_exempt_elsewhere() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(10_000));
    let pattern = "(/(a|b|c|\\{x\\})){0,3}(/|/\\*|)";
    let piece = "(/|//|/\\./|/\\.\\./|%2f|%2F\\.\\.|/%2e%2e/|\\\\)(a|b|c|%61|a;b|;|)";
    let path = format!("/?({piece}){{0,4}}/?");
    let seen: RefCell<HashMap<(bool, bool, bool), u32>> = RefCell::default();
    runner
        .run(&(pattern, path.as_str()), |(pattern, path)| {
            let Ok(paths) = Paths::parse([&pattern]) else {
                return Ok(());
            };
            let Some(served) = runtime.block_on(is_served_by(&router(&pattern), &path)) else {
                return Ok(());
            };
            let asked = RequestPath::new(&Method::GET, &path);
            let (could, surely) = (paths.could_match(&asked), paths.surely_matches(&asked));
            prop_assert!(!served || could, "{path} got around {pattern}");
            prop_assert!(
                !surely || served,
                "{path} is exempt by {pattern} and served elsewhere"
            );
            *seen
                .borrow_mut()
                .entry((served, could, surely))
                .or_default() += 1;
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    // Each of what may be was met.
    for case in [
        (true, true, true),
        (true, true, false),
        (false, true, false),
        (false, false, false),
    ] {
        assert!(seen.contains_key(&case), "{case:?} of {seen:?}");
    }
}

#[tokio::test]
async fn an_edge_in_a_nested_router_compares_the_whole_path() {
    let key = ApiKey::generate("pk").unwrap();
    let edge = portcullis_axum::edge()
        .api_keys(Keys::default().and("alice", &key))
        .public(["GET /api/open"])
        .build()
        .unwrap();
    let nested = Router::new()
        .route("/open", any(|| async { "open" }))
        .route("/closed", get(|| async { "closed" }))
        .layer(edge);
    let server = Server::start(Router::new().nest("/api", nested)).await;
    let mut client = Client::http1(server.address()).await;

    assert_eq!(
        client.ask(request("/api/open", &[])).await.status,
        StatusCode::OK
    );
    assert_eq!(
        client.ask(request("/api/closed", &[])).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        client.ask(request("/open", &[])).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_exempt_path_is_no_way_around_a_limit() {
    let limit =
        RateLimit::try_new([Policy::new("few", Quota::per_hour(1)).exempt_paths(["/assets/*"])]);
    let edge = portcullis_axum::edge()
        .rate_limit(limit.unwrap())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/{*rest}", get(|| async { "all" }))
        .layer(edge);
    let server = Server::start(app).await;
    let mut client = Client::http1(server.address()).await;
    let mut ask = async |path| client.ask(request(path, &[])).await.status;

    assert_eq!(ask("/login").await, StatusCode::OK);
    for path in [
        "/login",
        "/x/../assets/a",
        "/assets/%2e%2e/login",
        "/assets/..;/login",
        "//assets/a",
    ] {
        assert_eq!(ask(path).await, StatusCode::TOO_MANY_REQUESTS, "{path}");
    }
    assert_eq!(ask("/assets/a").await, StatusCode::OK);
}

#[tokio::test]
async fn a_limit_of_a_get_counts_a_head() {
    let limit = RateLimit::try_new([Policy::new("few", Quota::per_hour(2)).paths(["GET /search"])]);
    let edge = portcullis_axum::edge()
        .rate_limit(limit.unwrap())
        .build()
        .unwrap();
    let app = Router::new()
        .route("/search", get(|| async { "found" }))
        .layer(edge);
    let head = || {
        let request = Request::head("/search").header("host", "localhost");
        request.body(Body::empty()).unwrap()
    };

    for status in [200, 200, 429] {
        assert_eq!(app.clone().oneshot(head()).await.unwrap().status(), status);
    }
}
