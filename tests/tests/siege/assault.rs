//! A siege in a test: of an app within an edge, and of one without.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    routing::{get, post},
};
use futures_util::FutureExt;
use portcullis::{
    Quota,
    api_key::{ApiKey, Keys},
};
use portcullis_siege::{Profile, assault};
use tokio::time::{Instant, sleep};

fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/upload", post(async |body: Bytes| body))
        .route(
            "/slow/{ms}",
            get(async |Path(ms): Path<u64>| sleep(Duration::from_millis(ms)).await),
        )
        .route("/panic", get(async || -> &str { panic!("asked to") }))
}

fn profile(key: Option<&ApiKey>) -> Profile {
    let mut profile = Profile::parse(KNOWN).unwrap();
    profile.keys.valid = key.map(|key| key.expose().to_owned());
    profile
}

#[tokio::test]
async fn an_app_within_an_edge_holds_in_seconds() {
    let key = ApiKey::generate("pk").unwrap();
    let edge = portcullis_axum::edge()
        .api_keys(Keys::default().and("client", &key))
        .rate_limit(Quota::per_second(10))
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let began = Instant::now();
    let groups = ["D", "E", "H", "I", "J", "K"];
    let report = assault(app().layer(edge))
        .profile(profile(Some(&key)))
        .only(groups)
        .await;

    report.assert_held();
    assert!(report.count().held >= 30, "{:?}", report.count());
    assert!(began.elapsed() < Duration::from_secs(40));
}

#[tokio::test]
async fn an_app_without_one_fails_with_what_mends_it() {
    let report = assault(app())
        .profile(profile(None))
        .only(["J04", "J06", "K01"])
        .await;

    let failed = AssertUnwindSafe(async { report.assert_held() })
        .catch_unwind()
        .await;
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    for expected in [
        "J04  a handler that takes longer than its deadline",
        "expected  503 or 504",
        "sent      GET",
        "fix       in portcullis: SecureHeadersLayer",
        "breached: 1 that a server must hold, 3 of 3",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
}

const KNOWN: &str = r#"
[routes]
control = "/panic-free"
protected = "/"
limited = "/"
body = "/upload"
slow = "/slow/{ms}"
panic = "/panic"

[limits]
body_bytes = 1048576
request_seconds = 1.0
"#;
