//! The page that presses every layer.

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse},
    routing::get,
};
use http::header;
use portcullis::{CspNonce, api_key::ApiKey};
use portcullis_axum::Fact;

use crate::{app::Demo, edge::DEADLINE};

/// The paths of the page, which need no key.
pub(crate) const PATHS: [&str; 4] = ["/", "/page.css", "/page.js", "/icon.svg"];

pub(crate) fn router() -> Router<Demo> {
    Router::new()
        .route("/", get(index))
        .route("/page.css", get(|| file("text/css; charset=utf-8", CSS)))
        .route(
            "/page.js",
            get(|| file("text/javascript; charset=utf-8", JS)),
        )
        .route("/icon.svg", get(|| file("image/svg+xml", ICON)))
}

/// The page, with this response's nonce; in development also with the demo key.
async fn index(State(demo): State<Demo>, Fact(nonce): Fact<CspNonce>) -> Html<String> {
    let key = demo.config.demo_key.as_ref().map_or("", ApiKey::expose);
    let page = INDEX
        .replace("__NONCE__", nonce.as_str())
        .replace("__DEMO_KEY__", key)
        .replace("__BODY_LIMIT__", &demo.config.body_limit.to_string())
        .replace("__DEADLINE_MS__", &DEADLINE.as_millis().to_string());
    Html(page)
}

async fn file(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, media_type)], text)
}

const CSS: &str = include_str!("page/page.css");
const ICON: &str = include_str!("page/icon.svg");
const INDEX: &str = include_str!("page/index.html");
/// One file, as each request of the page spends quota.
const JS: &str = concat!(
    include_str!("page/page.js"),
    include_str!("page/cards.js"),
    include_str!("page/requests.js"),
    include_str!("page/panel.js"),
);
