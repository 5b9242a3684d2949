mod edge;
mod preflights;
mod settings;

use http::{HeaderMap, HeaderValue, Method, Request, Response};
use portcullis_test::{Body, contract, ok, request, send, service};
use proptest::prelude::*;
use tower::Layer;

use super::{Cors, CorsLayer};

contract!(
    CorsLayer::new(["https://good.com"]).unwrap(),
    CorsLayer::new(["*"]).unwrap(),
    CorsLayer::off(),
);

const GOOD: &str = "https://good.com";

/// What K06 of the siege sends, and what is not `https://good.com` in other ways.
const OTHERS: [&str; 16] = [
    "https://evil.com",
    "https://good.com.evil.com",
    "https://evilgood.com",
    "http://good.com",
    "https://good.com:8443",
    "https://good.com:443",
    "null",
    "https://GOOD.com",
    "HTTPS://good.com",
    "https://good.com.",
    "https://good.com%60.evil",
    "https://good.com/",
    "https://user@good.com",
    "https://a.good.com",
    "good.com",
    "",
];

fn cors() -> Cors {
    let cors = Cors::builder([GOOD]).methods(["GET", "PUT"]);
    let cors = cors.request_headers(["X-One", "content-type"]);
    let cors = cors.exposed_headers(["x-total", "etag"]);
    cors.credentials(true).build().unwrap()
}

/// A request with these fields, in which a name may be there twice.
fn with(method: Method, fields: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request("/");
    *request.method_mut() = method;
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

async fn answer(cors: &Cors, request: Request<Body>) -> Response<Body> {
    send(CorsLayer::from(cors.clone()).layer(ok()), request).await
}

/// Every field of CORS.
fn fields(headers: &HeaderMap) -> Vec<&str> {
    let names = headers.keys().map(|name| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

fn vary(headers: &HeaderMap) -> String {
    let lines: Vec<_> = headers.get_all("vary").iter().collect();
    let lines = lines.into_iter().map(|line| line.to_str().unwrap());
    lines.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn an_allowed_origin_may_read_the_response() {
    let request = with(Method::GET, &[("origin", GOOD)]);
    let response = answer(&cors(), request).await;

    let headers = response.headers();
    assert_eq!(response.status(), 200);
    assert_eq!(headers["access-control-allow-origin"], GOOD);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(headers["access-control-expose-headers"], "x-total, etag");
    assert_eq!(fields(headers).len(), 3, "{headers:?}");
}

#[tokio::test]
async fn no_other_origin_may() {
    for other in OTHERS {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let response = answer(&cors(), with(method, &[("origin", other)])).await;
            assert_eq!(response.status(), 200, "{other}");
            assert!(fields(response.headers()).is_empty(), "{other}");
            assert_eq!(vary(response.headers()), "origin", "{other}");
        }
    }
}

#[tokio::test]
async fn two_lines_are_no_origin() {
    for second in [GOOD, "https://evil.com"] {
        for method in [Method::GET, Method::OPTIONS] {
            let twice = [
                ("origin", GOOD),
                ("origin", second),
                ("access-control-request-method", "GET"),
            ];
            let response = answer(&cors(), with(method, &twice)).await;
            assert_eq!(response.status(), 200);
            assert!(fields(response.headers()).is_empty());
        }
    }
}

#[tokio::test]
async fn every_response_varies_by_origin_and_once() {
    let response = answer(&cors(), with(Method::GET, &[])).await;
    assert_eq!(vary(response.headers()), "origin");
    assert!(fields(response.headers()).is_empty());

    let own = tower::service_fn(|_: Request<Body>| async {
        let response = Response::builder().header("vary", "accept, Origin");
        Ok::<_, std::convert::Infallible>(response.body(Body::default()).unwrap())
    });
    let response = send(CorsLayer::from(cors()).layer(own), request("/")).await;
    assert_eq!(vary(response.headers()), "accept, Origin");
}

#[tokio::test]
async fn where_all_are_allowed_every_response_is_the_same() {
    let any = Cors::new(["*"]).unwrap();
    for fields in [&[][..], &[("origin", GOOD)], &[("origin", "null")]] {
        let response = answer(&any, with(Method::GET, fields)).await;
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert_eq!(vary(headers), "");
    }
}

#[tokio::test]
async fn what_the_application_allows_does_not_count() {
    let own = tower::service_fn(|_: Request<Body>| async {
        let response = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-credentials", "true");
        Ok::<_, std::convert::Infallible>(response.body(Body::default()).unwrap())
    });
    let service = CorsLayer::from(Cors::new([GOOD]).unwrap()).layer(own);
    let evil = with(Method::GET, &[("origin", "https://evil.com")]);
    let response = send(service.clone(), evil).await;
    assert!(fields(response.headers()).is_empty());

    let response = send(service, with(Method::GET, &[("origin", GOOD)])).await;
    assert_eq!(response.headers()["access-control-allow-origin"], GOOD);
    assert_eq!(fields(response.headers()).len(), 1);
}

#[tokio::test]
async fn a_star_is_one_label() {
    let wild = Cors::new(["https://*.good.com"]).unwrap();
    for (origin, is_allowed) in [
        ("https://a.good.com", true),
        ("https://a-b_1.good.com", true),
        ("https://good.com", false),
        ("https://.good.com", false),
        ("https://a.b.good.com", false),
        ("https://A.good.com", false),
        ("https://evilgood.com", false),
        ("https://a.good.com:8443", false),
        ("https://a.good.com.", false),
        ("https://a.good.com.evil.com", false),
        ("https://evil.com/.good.com", false),
        ("https://evil.com#.good.com", false),
        ("https://x@a.good.com", false),
        ("http://a.good.com", false),
        ("https://*.good.com", false),
    ] {
        let response = answer(&wild, with(Method::GET, &[("origin", origin)])).await;
        let allowed = response.headers().get("access-control-allow-origin");
        let allowed = allowed.map(|value| value.to_str().unwrap());
        assert_eq!(allowed, is_allowed.then_some(origin), "{origin}");
    }
}

#[tokio::test]
async fn off_is_not_there() {
    let layer = CorsLayer::off().layer(service(|request| format!("{:?}", request.method())));
    let preflight = [("origin", GOOD), ("access-control-request-method", "GET")];
    let response = send(layer, with(Method::OPTIONS, &preflight)).await;

    assert_eq!(response.status(), 200);
    assert!(response.headers().is_empty());
}

proptest! {
    /// Whatever is sent: only what is in the list is given back.
    #[test]
    fn nothing_is_mirrored(origin in proptest::collection::vec(32_u8..=255, 0..60), method in "(GET|PUT|[ -~]{1,9})", names in "[ -~]{0,40}") {
        let mut request = with(Method::OPTIONS, &[]);
        let fields = [
            ("origin", origin),
            ("access-control-request-method", method.into_bytes()),
            ("access-control-request-headers", names.into_bytes()),
        ];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().insert(name, value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(answer(&cors(), request));
        prop_assert!(fields_of(&response).is_empty());
    }
}

fn fields_of(response: &Response<Body>) -> Vec<&str> {
    fields(response.headers())
}
