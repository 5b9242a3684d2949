//! What a person sees who is refused.

use std::time::Duration;

use axum::{Router, routing::get};
use portcullis::{
    Quota,
    api_key::{ApiKey, Keys},
    secure_headers::{Csp, SecureHeaders},
};
use portcullis_axum::{AxumEdge, edge};
use portcullis_tests::net::Server;
use serde_json::json;

use crate::{chrome::Chrome, client::Result, pages::messages};

/// What the page shows: its text, the colours of its text and of its ground, and how wide it is.
const SHOWN: &str = "return [document.title, document.body.innerText, \
                     getComputedStyle(document.querySelector('main')).maxWidth]";

/// Opens the page of a refusal; returns what it shows, without the request's ID.
async fn shown(chrome: &Chrome, edge: AxumEdge, path: &str) -> Result<Vec<String>> {
    let slow = || async { tokio::time::sleep(Duration::from_secs(9)).await };
    let app = Router::new()
        .route("/slow", get(slow))
        .route("/", get(|| async { "hello" }));
    let server = Server::start(app.layer(edge.build()?)).await;
    let url = format!("http://{}{path}", server.address());
    chrome.open(&url).await?;
    if path == "/" {
        // Once more, for what a first request may do.
        chrome.open(&url).await?;
    }
    keep(chrome, path).await?;
    let shown: Vec<String> = serde_json::from_value(chrome.run(SHOWN, json!([])).await?)?;
    let is_id = |line: &&str| line.starts_with("Request ID: ");
    assert_eq!(shown[1].lines().filter(is_id).count(), 1, "{shown:?}");
    let [title, text, width] = &shown[..] else {
        return Err("three texts".into());
    };
    let lines = text.lines().filter(|line| !line.is_empty() && !is_id(line));
    Ok([title, width]
        .into_iter()
        .cloned()
        .chain(lines.map(str::to_owned))
        .collect())
}

/// Only what a refusal logs: its status.
async fn assert_quiet(chrome: &Chrome, status: &str) -> Result<()> {
    let messages = messages(chrome).await?;
    assert!(
        messages.iter().all(|message| message.contains(status)),
        "{messages:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_navigation_shows_a_page_under_every_profile() -> Result<()> {
    let chrome = Chrome::start().await?;
    let key = ApiKey::generate("pk")?;
    for headers in [
        SecureHeaders::api(),
        SecureHeaders::page().report_only(Csp::strict()),
        SecureHeaders::strict(),
        SecureHeaders::strict().by_type(),
    ] {
        let edge = || edge().secure_headers(headers.clone());

        let no_key = edge().api_keys(Keys::from(&key));
        assert_eq!(
            shown(&chrome, no_key, "/slow").await?,
            [
                "401 Unauthorized",
                "576px",
                "401 Unauthorized",
                "Valid credentials are required"
            ]
        );
        assert_quiet(&chrome, "401").await?;
        let spent = edge().rate_limit(Quota::per_hour(1));
        let seen = shown(&chrome, spent, "/").await?;
        assert_eq!(
            seen[2..4],
            ["429 Too Many Requests", "The quota is exceeded"]
        );
        assert!(
            seen[4].starts_with("Try again in ") && seen[4].ends_with(" minutes."),
            "{seen:?}"
        );
        assert_quiet(&chrome, "429").await?;
        let late = edge().timeout(Duration::from_millis(50));
        let seen = shown(&chrome, late, "/slow").await?;
        assert_eq!(seen[3], "The server took too long to answer");
        assert_quiet(&chrome, "503").await?;
    }
    chrome.quit().await
}

/// Keeps a picture for who wants to look at it.
async fn keep(chrome: &Chrome, path: &str) -> Result<()> {
    let picture = chrome.picture().await?;
    let name = path.trim_matches('/');
    let file = format!("{}/refusal-{name}.base64", env!("CARGO_TARGET_TMPDIR"));
    Ok(std::fs::write(file, picture)?)
}
