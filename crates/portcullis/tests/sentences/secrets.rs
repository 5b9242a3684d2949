//! No secret leaves.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use portcullis::{
    Edge, access_log::AccessLog, observe::redacted_path, observe::redacted_query,
    observe::redacted_text, observe::redacted_url,
};
use tower::{Layer, ServiceExt, service_fn};

use super::{Written, line, ok};

/// redact/mod.rs: "a user's password in a URL": replaced is every value that has one in it.
#[test]
fn a_password_in_the_second_url_of_a_value_is_redacted() {
    let mut leaks = Vec::new();
    for query in [
        "next=http://a.example/?to=https://user:hunter2@b.example",
        "urls=http://a.example,https://user:hunter2@b.example",
        "u=https%3A%2F%2Fproxy.example%2Fhttps%3A%2F%2Fuser%3Ahunter2%40b.example%2F",
    ] {
        let shown = redacted_query(query).into_owned();
        if shown.contains("hunter2") {
            leaks.push(shown);
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// redact/mod.rs: "a secret in a value that is a URL, a query or JSON itself".
#[test]
fn a_password_in_json_within_json_is_redacted() {
    let query = r#"f={"body":"{\"password\":\"hunter2\"}"}"#;
    let shown = redacted_query(query);
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// redact/mod.rs, `redacted_url`: "and without the user in it".
#[test]
fn a_url_without_a_scheme_has_no_user_either() {
    let shown = redacted_url("//user:hunter2@a.example/x");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// The same, for a URL in the path of another; access_log: secrets in paths are redacted "by their form
/// everywhere".
#[test]
fn a_password_in_a_url_in_a_path_is_redacted() {
    let path = redacted_path("/fetch/https://user:hunter2@b.example/x");
    let url = redacted_url("https://a.example/fetch/https://user:hunter2@b.example/x");
    assert!(
        !path.contains("hunter2") && !url.contains("hunter2"),
        "{path} {url}"
    );
}

/// redact/mod.rs: "a JSON Web Token or another object in base64".
#[test]
fn an_object_in_base64_may_have_a_space() {
    // `{ "alg":"HS256","k":"hunter2"}`
    let query = "t=eyAiYWxnIjoiSFMyNTYiLCJrIjoiaHVudGVyMiJ9";
    let shown = redacted_query(query);
    assert_eq!(shown, "t=REDACTED");
}

/// The same, in a text: base64 has `+` and `/`.
#[test]
fn an_object_in_base64_is_redacted_to_its_end() {
    let shown = redacted_text("agent eyJrIjoiaHVu+dGVyMmh1bnRlcjI/aHVudGVyMg==");
    assert!(!shown.contains("dGVyMmh1bnRlcjI"), "{shown}");
}

/// access_log: "Secrets in queries, paths, referrers and user agents are `REDACTED`: .. by their form
/// everywhere." What is cut off has the form no more.
#[tokio::test]
async fn a_password_is_redacted_where_the_query_is_cut_behind_it() {
    let start = "next=https://user:hunter2hunter2";
    let pad = "x".repeat(1024 - start.len() - 3);
    let uri = format!("/?a={pad}{start}@b.example");
    let uri = uri.replacen("next", "&next", 1);
    let line = line(Request::get(uri), "", true).await;
    assert!(!line.contains("hunter2"), "{line}");
}

#[tokio::test]
async fn a_password_is_redacted_where_the_referer_is_cut_behind_it() {
    let referer = format!("https://user:hunter2{}@b.example/", "x".repeat(1024));
    let line = line(Request::get("/").header("referer", referer), "", true).await;
    assert!(!line.contains("hunter2"), "{line}");
}

/// access_log: a password in a `Host`: what is logged of a refused request.
#[tokio::test]
async fn a_password_in_a_host_is_not_logged() {
    let written = Written::default();
    let log = AccessLog::to_writer(written.clone()).build().unwrap();
    let edge = Edge::new().access_log(log.clone()).build().unwrap();
    let request = Request::get("/").header("host", "user:hunter2@a.example");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    log.flush(Duration::from_secs(5)).await.unwrap();
    assert!(!written.text().contains("hunter2"), "{}", written.text());
}
