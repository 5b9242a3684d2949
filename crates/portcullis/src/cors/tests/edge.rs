//! In an edge: above what refuses, and preflights below what counts.

use std::convert::Infallible;

use http::Request;
use portcullis_test::OwnBody;
use tower::service_fn;

use super::*;
use crate::{Edge, Health};

#[cfg(any(feature = "auth", feature = "rate-limit"))]
const PREFLIGHT: [(&str, &str); 2] = [("origin", GOOD), ("access-control-request-method", "PUT")];

async fn hello<B>(request: Request<B>) -> Result<Response<OwnBody>, Infallible> {
    assert_ne!(request.uri().path(), "/panic", "a panic of the application");
    Ok(Response::new("hello".into()))
}

fn allowed(response: &Response<impl Sized>) -> Option<&str> {
    let value = response.headers().get("access-control-allow-origin")?;
    value.to_str().ok()
}

fn get(path: &str) -> Request<Body> {
    let mut request = with(Method::GET, &[("origin", GOOD)]);
    *request.uri_mut() = path.parse().unwrap();
    request
}

#[tokio::test]
async fn a_500_can_be_read_and_varies() {
    let edge = Edge::new().cors(cors()).health(&Health::new());
    let service = edge.build().unwrap().layer(service_fn(hello));
    let response = send(service.clone(), get("/panic")).await;
    assert_eq!(
        (response.status().as_u16(), allowed(&response)),
        (500, Some(GOOD))
    );

    for path in ["/", "/panic", "/health"] {
        let mut request = get(path);
        request.headers_mut().remove("origin");
        let response = send(service.clone(), request).await;
        assert!(vary(response.headers()).contains("origin"), "{path}");
        assert_eq!(allowed(&response), None);
    }
    let mut hostless = get("/");
    hostless.headers_mut().append("host", "b".parse().unwrap());
    let response = send(service, hostless).await;
    assert_eq!(response.status(), 400);
    assert!(vary(response.headers()).contains("origin"));
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn a_preflight_needs_no_key_and_a_401_can_be_read() {
    let edge = Edge::new()
        .cors(cors())
        .api_keys(crate::api_key::Keys::default());
    let service = edge.build().unwrap().layer(service_fn(hello));
    let response = send(service.clone(), with(Method::OPTIONS, &PREFLIGHT)).await;
    assert_eq!(
        (response.status().as_u16(), allowed(&response)),
        (204, Some(GOOD))
    );

    let response = send(service.clone(), get("/")).await;
    assert_eq!(
        (response.status().as_u16(), allowed(&response)),
        (401, Some(GOOD))
    );
    // No preflight: it needs a key as all do.
    let options = with(Method::OPTIONS, &[("origin", GOOD)]);
    assert_eq!(send(service, options).await.status(), 401);
}

#[cfg(feature = "rate-limit")]
#[tokio::test(start_paused = true)]
async fn a_preflight_spends_quota_and_a_429_can_be_read() {
    let edge = Edge::new()
        .cors(cors())
        .rate_limit(crate::Quota::per_hour(2));
    let service = edge.build().unwrap().layer(service_fn(hello));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = send(service.clone(), with(Method::OPTIONS, &PREFLIGHT)).await;
        seen.push((
            response.status().as_u16(),
            allowed(&response).map(str::to_owned),
        ));
    }
    let response = send(service, get("/")).await;
    seen.push((
        response.status().as_u16(),
        allowed(&response).map(str::to_owned),
    ));

    let good = || Some(GOOD.to_owned());
    assert_eq!(
        seen,
        [(204, good()), (204, good()), (429, good()), (429, good())]
    );
}

#[cfg(feature = "rate-limit")]
#[tokio::test(start_paused = true)]
async fn a_refused_preflight_is_the_cheapest_thing() {
    let edge = Edge::new()
        .cors(cors())
        .rate_limit(crate::Quota::per_hour(1));
    let service = edge.build().unwrap().layer(service_fn(hello));
    let evil = [("origin", "https://evil.com"), PREFLIGHT[1]];
    for _ in 0..3 {
        let response = send(service.clone(), with(Method::OPTIONS, &evil)).await;
        assert_eq!(response.status(), 403);
        assert!(fields(response.headers()).is_empty());
    }

    assert_eq!(send(service, get("/")).await.status(), 200);
}

#[test]
fn an_edge_says_where_preflights_are_answered() {
    let explained = Edge::new().cors(cors()).build().unwrap().explain();
    let explained = explained.to_string();

    assert!(explained.contains("cross-origin     CORS for https://good.com"));
    assert!(explained.contains("preflights       those that CORS allows"));
    let off = Edge::new().cors(cors()).cors(None::<Cors>).build().unwrap();
    assert!(!off.explain().to_string().contains("CORS"));
}
