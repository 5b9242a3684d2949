//! What pages of other sites may do: as the demo's cards show it, and with such pages.

use axum::{Router, response::Html, routing::get};
use portcullis_tests::{demo::Demo, net::Server};
use serde_json::{Value, json};

use crate::{
    callers::lines,
    chrome::Chrome,
    client::Result,
    page::{Answer, Page},
    pages::eventually,
};

pub(crate) async fn shows_what_they_may_do(page: &Page<'_>) -> Result<()> {
    shows_preflights(page).await?;
    shows_a_forged_form(page).await
}

async fn shows_preflights(page: &Page<'_>) -> Result<()> {
    let answer = page.press("preflight").await?;

    assert_eq!(
        lines(&answer),
        [
            "https://app.example 204",
            "access-control-allow-headers: authorization, content-type, x-api-key",
            "https://elsewhere.example 403",
        ]
    );
    assert_refused(&answer);
    Ok(())
}

async fn shows_a_forged_form(page: &Page<'_>) -> Result<()> {
    let answer = page.press("cross-site").await?;

    assert_eq!(lines(&answer), ["same-origin 200", "cross-site 403"]);
    assert_refused(&answer);
    Ok(())
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status(), Some(403), "{answer:?}");
    assert!(answer.headers.contains("x-request-id"), "{answer:?}");
}

/// The browser sends of itself what the server sends to itself for the cards.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_may_do_what_its_preflight_allows() -> Result<()> {
    let (allowed, other) = (elsewhere().await, elsewhere().await);
    let demo = Demo::with(&[("CORS_ORIGINS", &allowed)]);
    let chrome = Chrome::start().await?;

    chrome.open(&allowed).await?;
    assert_eq!(call(&chrome, &demo).await?, json!(200));
    chrome.open(&other).await?;
    assert_eq!(call(&chrome, &demo).await?, json!("Failed to fetch"));
    chrome.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_a_page_elsewhere_is_refused() -> Result<()> {
    let other = elsewhere().await;
    let demo = Demo::start().await;
    let chrome = Chrome::start().await?;
    chrome.open(&other).await?;

    let aim = "document.forms[0].action = arguments[0]";
    let echo = format!("{}/api/echo", demo.url());
    chrome.run(aim, json!([echo])).await?;
    chrome.press("button").await?;

    let shown = "return document.title === 'elsewhere' || document.readyState !== 'complete' \
                 ? null : [document.URL, document.title]";
    let shown = eventually(&chrome, shown).await?;
    assert_eq!(shown, json!([echo, "403 Forbidden"]));
    chrome.quit().await
}

/// Starts a server with a form, and returns its origin: of another site than the demo's, as it has a name.
async fn elsewhere() -> String {
    let server = Server::start(Router::new().route("/", get(async || Html(FORM)))).await;
    format!("http://localhost:{}", server.address().port())
}

/// Calls the demo with its key from the page that is open. Returns the status, or why there is none.
async fn call(chrome: &Chrome, demo: &Demo) -> Result<Value> {
    let script = "return fetch(arguments[0], { headers: { 'x-api-key': arguments[1] } }) \
                  .then((response) => response.status, (error) => error.message)";
    let url = format!("{}/api/hello", demo.url());
    chrome.run(script, json!([url, demo.key()])).await
}

const FORM: &str = "<!doctype html><title>elsewhere</title>\
    <form method='post'><input name='to' value='eve'><button>Win</button></form>";
