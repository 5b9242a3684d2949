//! What a body is, and what its sender expects.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_core::{ConfigError, Rejection};
use portcullis_test::{Body as TestBody, Chunks, send};
use proptest::prelude::*;
use tower::{Layer, service_fn};

use super::super::{BodyLimit, BodyLimitLayer, RequestBody, media::MediaType};

fn limit() -> Result<BodyLimit, ConfigError> {
    BodyLimit::new(100).content_types(["application/json", "application/*+json", "image/*"])
}

async fn ok<B>(_: Request<RequestBody<B>>) -> Result<Response<TestBody>, Infallible> {
    Ok(Response::new(TestBody::default()))
}

/// The response to a body with these fields.
async fn respond(fields: &[(&str, &str)], body: &'static str) -> Response<TestBody> {
    let request = fields
        .iter()
        .fold(Request::post("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
    let service = BodyLimitLayer::from(limit().unwrap()).layer(service_fn(ok));
    send(service, request.body(Full::<Bytes>::from(body)).unwrap()).await
}

async fn of_type(value: &str) -> u16 {
    let response = respond(&[("content-type", value)], "{}").await;
    response.status().as_u16()
}

#[tokio::test]
async fn a_body_has_one_of_the_types() {
    for value in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;charset=\"a;b\\\"c\" ; ",
        "application/problem+json",
        "application/vnd.api+json;a=b",
        "image/png",
    ] {
        assert_eq!(of_type(value).await, 200, "{value}");
    }
    for value in [
        "",
        "text/plain",
        "application/jsonx",
        "application/xjson",
        "application/+json",
        "application/json+xml",
        "json",
        "application/",
        "/json",
        "image/",
        "application/json, text/plain",
        "application/json text/plain",
        "application/json; charset",
        "application/json; charset=\"a",
        "application/json;=a",
        "application /json",
    ] {
        assert_eq!(of_type(value).await, 415, "{value}");
    }
}

#[tokio::test]
async fn a_refusal_says_which_types_are_served() {
    let response = respond(&[("content-type", "text/plain")], "{}").await;

    let accepted = "application/json, application/*+json, image/*";
    assert_eq!(response.headers()["accept"], accepted);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.to_string(), "unsupported-media-type");
}

#[tokio::test]
async fn a_body_without_a_type_or_with_two_is_refused() {
    assert_eq!(respond(&[], "{}").await.status(), 415);
    let json = ("content-type", "application/json");
    assert_eq!(respond(&[json, json], "{}").await.status(), 415);
}

#[tokio::test]
async fn a_request_without_a_body_needs_no_type() {
    assert_eq!(respond(&[], "").await.status(), 200);

    let unknown = Request::post("/").body(Chunks::new([])).unwrap();
    let service = BodyLimitLayer::from(limit().unwrap()).layer(service_fn(ok));
    assert_eq!(send(service, unknown).await.status(), 415);
}

#[tokio::test]
async fn only_100_continue_may_be_expected() {
    let json = ("content-type", "application/json");
    for (value, status) in [
        ("100-continue", 200),
        ("100-Continue", 200),
        ("200-ok", 417),
        ("100-continue, 200-ok", 417),
        ("", 417),
    ] {
        let response = respond(&[json, ("expect", value)], "{}").await;
        assert_eq!(response.status(), status, "{value}");
    }
    let two = [json, ("expect", "100-continue"), ("expect", "x")];
    assert_eq!(respond(&two, "{}").await.status(), 417);
    assert_eq!(respond(&[("expect", "x")], "").await.status(), 200);
}

#[test]
fn types_that_are_none_are_an_error_with_all_of_them() {
    let wrong = [
        "json", "a/b; c=d", "*/*", "a/*b", "a/*+", "a/", "a/b*", "a b/c",
    ];
    let error = BodyLimit::new(1).content_types(wrong).unwrap_err();
    let expected = wrong.map(|text| format!("content types: {text:?} is not a media type"));
    assert_eq!(error.problems().collect::<Vec<_>>(), expected);

    let none: [&str; 0] = [];
    assert_eq!(
        BodyLimit::new(1)
            .content_types(none)
            .unwrap_err()
            .to_string(),
        "content types: an empty list refuses every body; leave it out instead"
    );
}

/// By searching for what may not be there, where the parser reads from the left.
fn is_media_type(text: &str) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            ';' if !is_quoted => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_quoted && !is_escaped;
    }
    let is_token = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let is_quoted = |text: &str| {
        let inner = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        inner.is_some_and(|inner| {
            let plain = inner.replace("\\\\", "").replace("\\\"", "");
            let plain = plain.trim_start_matches(|c| c != '"' && c != '\\');
            plain.is_empty() || plain.starts_with('\\') && plain.len() > 1 && !plain.contains('"')
        })
    };
    let is_parameter = |text: &String| {
        let text = text.trim();
        let pair = text.split_once('=');
        text.is_empty()
            || pair.is_some_and(|(name, value)| {
                is_token(name) && (is_token(value) || is_quoted(value))
            })
    };
    let essence = parts[0].trim_end().split_once('/');
    essence.is_some_and(|(main, sub)| is_token(main) && is_token(sub))
        && parts[1..].iter().all(is_parameter)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_media_type_is_what_its_grammar_says(text in "[a/]{0,4}( ?; ?[ab]{0,2}(=([ab]{0,2}|\"[ab; ]{0,3}\"|\"(a|\\\\\\\\|\\\\\"){0,3}\"?))?){0,3} ?") {
        let parsed = MediaType::parse(text.as_bytes());
        prop_assert_eq!(parsed.is_some(), is_media_type(&text), "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = MediaType::parse(&bytes);
    }
}
