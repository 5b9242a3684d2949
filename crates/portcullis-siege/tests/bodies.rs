//! Bodies that a route takes, and others: an API that takes JSON only, as most do.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, future::IntoFuture, panic::AssertUnwindSafe};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use portcullis_siege::{Assault, Level, Profile, Report, Verdict, assault};
use tower::service_fn;

/// Answers 415 to another type, 413 to more than `limit`, 422 to JSON without a title.
fn api(limit: usize) -> Assault {
    assault(service_fn(move |request| answer(request, limit)))
}

async fn answer(
    request: Request<Incoming>,
    limit: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from("{}")));
    *response.status_mut() = match request.uri().path() {
        "/" => StatusCode::OK,
        "/tasks" if request.method() == "POST" => created(request, limit).await,
        _ => StatusCode::NOT_FOUND,
    };
    Ok(response)
}

async fn created(request: Request<Incoming>, limit: usize) -> StatusCode {
    let kind = request.headers().get("content-type");
    if kind.is_none_or(|kind| kind != "application/json") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    if request.headers().contains_key("content-encoding") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Ok(body) = Limited::new(request.into_body(), limit).collect().await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let value: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    if value["title"].is_string() {
        StatusCode::CREATED
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

fn profile(sample: &str) -> Profile {
    let text = "routes.control = '/'\nroutes.body = '/tasks'\nlimits.body_bytes = 65536\n";
    Profile::parse(&(text.to_owned() + sample)).unwrap()
}

fn verdict<'r>(report: &'r Report, id: &str) -> &'r Verdict {
    let outcome = report.outcomes.iter().find(|outcome| outcome.id == id);
    &outcome.unwrap().verdict
}

const SAMPLE: &str = "routes.body_sample = '{\"title\":\"x\"}'";
const BODIES: [&str; 5] = ["J06", "J07", "J09", "J25", "J32"];

#[tokio::test]
async fn an_api_of_json_holds_when_its_body_is_given() {
    let report = api(65536).profile(profile(SAMPLE)).only(BODIES).await;

    report.assert_held();
    for id in ["J07", "J09", "J25"] {
        let verdict = verdict(&report, id);
        assert!(verdict.is_held(), "{id}: {}", verdict.text());
    }
}

#[tokio::test]
async fn an_api_without_its_promised_limit_is_found() {
    let api = api(usize::MAX).profile(profile(SAMPLE));
    let report = api.only(["J07", "J25"]).await;

    for outcome in &report.outcomes {
        let (id, verdict) = (&outcome.id, &outcome.verdict);
        assert!(verdict.is_breached(), "{id}: {}", verdict.text());
        assert_eq!(outcome.level, Level::Must, "{id}");
    }
}

#[tokio::test]
async fn without_a_right_body_nothing_is_breached_and_nothing_held() {
    let only = BODIES.into_iter().chain(["J31"]);
    let report = api(usize::MAX).profile(profile("")).only(only).await;

    for outcome in &report.outcomes {
        let (id, verdict) = (&outcome.id, &outcome.verdict);
        assert_eq!(verdict.name(), "not tested", "{id}: {}", verdict.text());
        let why = "/tasks answers plain bytes with 415, {} as application/json with 422: \
                   say which body it takes (routes.body_type, routes.body_sample)";
        assert_eq!(verdict.text(), why, "{id}");
    }
}

#[tokio::test]
async fn a_test_of_which_nothing_was_tested_fails() {
    let report = api(65536).profile(profile("")).only(["F", "G"]).await;

    let failed = AssertUnwindSafe(async { report.assert_held() })
        .catch_unwind()
        .await;
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("nothing was tested"), "{text}");
    assert!(text.contains("F01: no way to make a token"), "{text}");
}

/// An app that declares a parameter and a body, and tells what it stumbles over.
async fn declared(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let number = query.split("limit=").nth(1).map(str::parse::<u8>);
    let (status, body) = match request.uri().path() {
        "/openapi.json" => (200, DECLARED),
        "/tasks" if request.method() == "POST" => (created(request, 65536).await.as_u16(), "{}"),
        "/tasks" if matches!(number, Some(Err(_))) => (500, TOLD),
        _ => (200, "{}"),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

const TOLD: &str = "Traceback (most recent call last): ValueError";
const DECLARED: &str = r#"{"paths": {"/tasks": {
    "get": {"parameters": [{"name": "limit", "in": "query"}]},
    "post": {"requestBody": {"content": {"application/json": {"schema": {
        "type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}
    }}}}}
}}}"#;

#[tokio::test]
async fn bad_values_in_a_declared_parameter_are_tried() {
    let app = assault(service_fn(declared));
    let report = app.only(["J21", "J25", "J07"]).await;

    let told = verdict(&report, "J21");
    assert!(told.is_breached(), "{}", told.text());
    // The body that it declares is a right one.
    let chunks = verdict(&report, "J07");
    assert!(chunks.is_held(), "{}", chunks.text());
}

#[tokio::test]
async fn bad_values_in_a_parameter_of_the_profile_are_tried() {
    let known = "routes.control = '/'\nroutes.limited = '/tasks?limit=5'";
    let app = service_fn(|request: Request<Incoming>| async {
        let path = request.uri().path().to_owned();
        if path == "/openapi.json" {
            return Ok(Response::new(Full::default()));
        }
        declared(request).await
    });
    let report = assault(app)
        .profile(Profile::parse(known).unwrap())
        .only(["J21"])
        .await;

    let told = verdict(&report, "J21");
    assert!(told.is_breached(), "{}", told.text());
}

#[tokio::test]
async fn a_protected_route_that_is_nowhere_is_a_mistake_of_the_profile() {
    let known = "routes.control = '/'\nroutes.protected = '/nope'\n[keys]\nvalid = 'k'";
    let siege = api(65536)
        .profile(Profile::parse(known).unwrap())
        .only(["E"]);

    let failed = AssertUnwindSafe(siege.into_future()).catch_unwind().await;
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(
        text.contains("/nope is not there: it answers 404 with the valid key"),
        "{text}"
    );
}
