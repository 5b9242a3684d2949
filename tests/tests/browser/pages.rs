//! Pages behind an edge, in a real browser: what lives under each profile, and what does not.

#![expect(clippy::expect_used, reason = "tests")]

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path};

use axum::{
    Router,
    response::Html,
    routing::{get, post},
};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use portcullis::{
    Counts, CspNonce,
    reports::Reports,
    secure_headers::{Csp, PermissionsPolicy, SecureHeaders},
};
use portcullis_axum::{EdgeLayer, Fact, edge};
use portcullis_tests::net::Server;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::{chrome::Chrome, client::Result};

const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>";

/// A server of another origin, without any header of ours.
async fn elsewhere() -> Server {
    let image = || async {
        let fields = [
            (CONTENT_TYPE, "image/svg+xml"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (fields, SVG)
    };
    Server::start(Router::new().route("/image.svg", get(image))).await
}

/// A server of the application's page.
async fn app(page: &'static str, other: SocketAddr, edge: EdgeLayer) -> Server {
    let page = move |nonce: Option<Fact<CspNonce>>| async move {
        let nonce = nonce.map_or(String::new(), |Fact(nonce)| nonce.to_string());
        let page = page.replace("__OTHER__", &format!("http://{other}"));
        Html(page.replace("__NONCE__", &nonce))
    };
    let sent = post(|| async { Html("<title>sent</title>") });
    let app = Router::new().route("/", get(page)).route("/sent", sent);
    Server::start(app.layer(edge)).await
}

fn with(headers: SecureHeaders) -> EdgeLayer {
    edge().secure_headers(headers).build().expect("an edge")
}

/// Runs a script until it returns something.
pub(crate) async fn eventually(chrome: &Chrome, script: &str) -> Result<Value> {
    for _ in 0..100 {
        let value = chrome.run(script, json!([])).await?;
        if !value.is_null() {
            return Ok(value);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(format!("never: {script}").into())
}

/// What lives of an ordinary page: each part by its name, `true` if it works.
async fn alive(chrome: &Chrome, headers: SecureHeaders) -> Result<Value> {
    let other = elsewhere().await;
    let server = app(
        include_str!("ordinary.html"),
        other.address(),
        with(headers),
    )
    .await;
    chrome
        .open(&format!("http://{}/", server.address()))
        .await?;
    chrome.press("#copy").await?;
    chrome.press("#handler").await?;
    let parts = eventually(chrome, include_str!("parts.js")).await?;
    chrome.press("#send").await?;
    let title = eventually(
        chrome,
        "return document.title === 'ordinary' ? null : document.title",
    );
    assert_eq!(title.await?, "sent", "forms of the page's own origin go on");
    Ok(parts)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_page_lives_under_page_and_not_under_strict() -> Result<()> {
    let chrome = Chrome::start().await?;

    assert_eq!(
        alive(&chrome, SecureHeaders::page()).await?,
        json!({ "copy": true, "handler": true, "image": true, "script": true, "style": true })
    );
    assert_eq!(
        alive(&chrome, SecureHeaders::page().by_type()).await?,
        json!({ "copy": true, "handler": true, "image": true, "script": true, "style": true })
    );
    assert_eq!(messages(&chrome).await?, [""; 0]);
    assert_eq!(
        alive(&chrome, SecureHeaders::strict()).await?,
        json!({ "copy": false, "handler": false, "image": false, "script": false, "style": false })
    );
    chrome.quit().await
}

/// The first cells of the table of what `strict` stops.
fn documented() -> BTreeSet<String> {
    let source = "../crates/portcullis/src/secure_headers/mod.rs";
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(source));
    let docs = docs.expect("the sources");
    let table = docs
        .lines()
        .skip_while(|line| !line.contains("| directive | what stops |"));
    let rows = table.skip(2).map_while(|line| line.strip_prefix("//! | `"));
    let names = rows.filter_map(|row| row.split('`').next());
    names.map(ToOwned::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_reports_what_its_docs_list_and_nothing_else() -> Result<()> {
    let chrome = Chrome::start().await?;
    let reports = Reports::new();
    let headers = SecureHeaders::page().report_only(Csp::strict());
    let edge = edge().secure_headers(headers).reports(&reports);
    let edge = edge.build()?;
    let other = elsewhere().await;
    let page = include_str!("violations.html");
    let server = app(page, other.address(), edge.clone()).await;
    chrome
        .open(&format!("http://{}/", server.address()))
        .await?;
    sleep(Duration::from_secs(2)).await;

    let seen = chrome.run("return [...window.reported]", json!([])).await?;
    let seen: BTreeSet<String> = serde_json::from_value(seen)?;
    assert_eq!(seen, documented());
    assert_eq!(counted(&edge).await?, documented(), "what the browser sent");
    chrome.quit().await
}

/// The directives that were reported, once as many were as are documented.
async fn counted(edge: &EdgeLayer) -> Result<BTreeSet<String>> {
    let reported = || {
        let counts = edge.counts().into_iter();
        let violations = counts.filter(|count| count.name == "portcullis_csp_violations");
        let reported = violations.filter(|count| count.labels[1].1 == "report");
        reported
            .map(|count| count.labels[0].1.clone())
            .collect::<BTreeSet<_>>()
    };
    for _ in 0..100 {
        if reported().len() >= documented().len() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(reported())
}

/// Every feature that may be named in a policy.
fn known() -> PermissionsPolicy {
    let source = "../crates/portcullis/src/secure_headers/permissions/features.rs";
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(source));
    let source = source.expect("the sources");
    let (_, list) = source.split_once("const KNOWN").expect("the list");
    let names = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"'));
    let names = names.filter_map(|name| name.split('"').next());
    let builder = names.fold(PermissionsPolicy::builder(), |builder, name| {
        builder.deny(name)
    });
    builder.build().expect("known features")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_knows_every_feature_that_can_be_named() -> Result<()> {
    let chrome = Chrome::start().await?;
    let other = elsewhere().await;
    for headers in [
        SecureHeaders::page(),
        SecureHeaders::strict(),
        SecureHeaders::page().permissions(known()),
    ] {
        let server = app("<title>x</title>", other.address(), with(headers)).await;
        chrome
            .open(&format!("http://{}/", server.address()))
            .await?;
        assert_eq!(messages(&chrome).await?, [""; 0]);
    }
    // One that it does not know would be told.
    let unknown = ("permissions-policy", "web-share=()");
    let edge = edge().header(unknown.0, unknown.1).build()?;
    let server = app("<title>x</title>", other.address(), edge).await;
    chrome
        .open(&format!("http://{}/", server.address()))
        .await?;
    assert_eq!(messages(&chrome).await?.len(), 1);
    chrome.quit().await
}

/// What the console has got, but for icons that are not there.
pub(crate) async fn messages(chrome: &Chrome) -> Result<Vec<String>> {
    let log = chrome.log().await?;
    let messages = log
        .iter()
        .map(|entry| entry["message"].as_str().unwrap_or_default());
    let messages = messages.filter(|message| !message.contains("favicon.ico"));
    Ok(messages.map(ToOwned::to_owned).collect())
}
