use std::convert::Infallible;

use http::{HeaderValue, Method, Request, Response};
use portcullis_core::{Facts, Guard, Host, Reason, Rejection, Scheme};
use portcullis_test::{Body, OwnBody, contract, ok, request, send, text};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::csrf::CsrfLayer;

use super::{CrossSite, CrossSiteLayer};
use crate::{Edge, cors::Cors, reports::Reports};

contract!(
    CrossSiteLayer::from(CrossSite::new()),
    CrossSiteLayer::off()
);

const SITE: &str = "sec-fetch-site";
const APP: &str = "https://app.example";

/// A request to `localhost`.
fn with(method: Method, fields: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request("/");
    *request.method_mut() = method;
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn post(fields: &[(&'static str, &str)]) -> Request<Body> {
    with(Method::POST, fields)
}

async fn status(guard: &CrossSite, request: Request<Body>) -> u16 {
    let service = CrossSiteLayer::from(guard.clone()).layer(ok());
    send(service, request).await.status().as_u16()
}

#[tokio::test]
async fn what_a_browser_sends_for_another_site_is_refused() {
    let guard = CrossSite::new();
    for fields in [
        &[(SITE, "cross-site")][..],
        &[(SITE, "same-site")],
        &[(SITE, "Same-Origin")],
        &[(SITE, "something-new")],
        &[(SITE, "same-origin"), (SITE, "cross-site")],
        &[(SITE, "cross-site"), (SITE, "same-origin")],
        &[(SITE, ""), (SITE, "cross-site")],
        &[(SITE, "cross-site"), ("origin", "http://localhost")],
        &[("origin", "https://evil.com")],
        &[("origin", "null")],
        &[("origin", "http://localhost.evil.com")],
        &[("origin", "http://localhost:8080")],
        &[("origin", "http://LOCALHOST")],
        &[
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ],
        &[
            ("origin", "http://localhost"),
            ("origin", "https://evil.com"),
        ],
        &[(SITE, ""), ("origin", "https://evil.com")],
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "QUERY", "TRACE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                status(&guard, with(method, fields)).await,
                403,
                "{fields:?}"
            );
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(
                status(&guard, with(method, fields)).await,
                200,
                "{fields:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_it_sends_for_this_one_passes_and_so_does_a_program() {
    let guard = CrossSite::new();
    for fields in [
        &[][..],
        &[(SITE, "same-origin")],
        &[(SITE, "none")],
        // A browser says what is true: its origin need not be looked at.
        &[(SITE, "same-origin"), ("origin", "https://other.example")],
        &[("origin", "http://localhost")],
        &[("origin", "https://localhost")],
        &[("origin", "")],
        &[(SITE, "")],
    ] {
        assert_eq!(status(&guard, post(fields)).await, 200, "{fields:?}");
    }
}

#[tokio::test]
async fn every_refusal_is_the_same_problem() {
    let mut seen = Vec::new();
    for fields in [[(SITE, "cross-site")], [("origin", "null")]] {
        let service = CrossSiteLayer::from(CrossSite::new()).layer(ok());
        let response = send(service, post(&fields)).await;
        let rejection: &Rejection = response.extensions().get().unwrap();
        assert_eq!(rejection.cause().unwrap().reason(), Reason::CrossSite);
        let headers = response.headers().clone();
        seen.push((headers, text(response).await));
    }

    assert!(seen[0].1.contains("urn:portcullis:problem:forbidden"));
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn trusted_origins_pass_to_the_byte() {
    let guard = CrossSite::new().trust(["HTTPS://App.example:443"]).unwrap();
    for (origin, expected) in [
        (APP, 200),
        ("https://App.example", 403),
        ("https://app.example.evil.com", 403),
        ("http://app.example", 403),
    ] {
        let fields = [(SITE, "cross-site"), ("origin", origin)];
        assert_eq!(status(&guard, post(&fields)).await, expected, "{origin}");
    }
    let twice = [("origin", APP), ("origin", APP)];
    assert_eq!(status(&guard, post(&twice)).await, 403);
}

#[test]
fn everything_that_is_wrong_with_them_is_said() {
    let error = CrossSite::new()
        .trust(["*", "null", "https://*.example.com", APP])
        .unwrap_err();
    assert_eq!(error.problems().count(), 3, "{error}");

    let any = Cors::new(["*"]).unwrap();
    assert!(CrossSite::new().trust_cors(&any).is_err());
    assert!(CrossSite::new().exempt(["hooks"]).is_err());
}

#[tokio::test]
async fn what_cors_allows_can_be_trusted() {
    let cors = Cors::new([APP, "https://*.example.com"]).unwrap();
    let guard = CrossSite::new().trust_cors(&cors).unwrap();
    for (origin, expected) in [
        (APP, 200),
        ("https://a.example.com", 200),
        ("https://b.a.example.com", 403),
    ] {
        let fields = [(SITE, "cross-site"), ("origin", origin)];
        assert_eq!(status(&guard, post(&fields)).await, expected);
    }

    let described = guard.describe();
    assert!(described.ends_with("trusted: https://app.example https://*.example.com"));
}

#[tokio::test]
async fn an_exempt_path_is_the_one_that_was_meant() {
    let guard = CrossSite::new().exempt(["POST /hooks/*"]).unwrap();
    for (method, path, expected) in [
        (Method::POST, "/hooks/a", 200),
        (Method::PUT, "/hooks/a", 403),
        (Method::POST, "/hooks/../admin", 403),
        (Method::POST, "/hooks/%2e%2e/admin", 403),
        (Method::POST, "/admin", 403),
    ] {
        let mut request = with(method, &[(SITE, "cross-site")]);
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(status(&guard, request).await, expected, "{path}");
    }
}

#[tokio::test]
async fn the_host_is_the_one_that_a_trusted_proxy_took() {
    let guard = CrossSite::new();
    let behind = |scheme: Option<Scheme>, origin: &str| {
        let mut request = post(&[("origin", origin)]);
        let facts = Facts::of_mut(request.extensions_mut());
        facts.set(Host("app.example".parse().unwrap()));
        if let Some(scheme) = scheme {
            facts.set(scheme);
        }
        request
    };
    assert_eq!(status(&guard, behind(None, APP)).await, 200);
    assert_eq!(status(&guard, behind(None, "http://localhost")).await, 403);
    // Whoever can change the page of http://app.example is not https://app.example.
    let plain = "http://app.example";
    assert_eq!(
        status(&guard, behind(Some(Scheme::Https), plain)).await,
        403
    );
    assert_eq!(status(&guard, behind(Some(Scheme::Http), plain)).await, 200);
    assert_eq!(status(&guard, behind(Some(Scheme::Http), APP)).await, 200);
}

async fn hello<B>(_: Request<B>) -> Result<Response<OwnBody>, Infallible> {
    Ok(Response::new("hello".into()))
}

#[tokio::test]
async fn an_edge_has_it_below_cors() {
    let edge = Edge::new()
        .cross_site(CrossSite::new())
        .cors(Cors::new([APP]).unwrap())
        .reports(&Reports::new());
    let service = edge.build().unwrap().layer(service_fn(hello));
    let forged = post(&[(SITE, "cross-site"), ("origin", APP)]);
    let response = send(service.clone(), forged).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["access-control-allow-origin"], APP);

    let mut report = post(&[
        (SITE, "cross-site"),
        ("origin", "null"),
        ("content-type", "application/csp-report"),
    ]);
    *report.uri_mut() = Reports::new().path().parse().unwrap();
    assert_eq!(send(service.clone(), report).await.status(), 204);
    let preflight = [
        ("origin", APP),
        (SITE, "cross-site"),
        ("access-control-request-method", "POST"),
    ];
    let response = send(service, with(Method::OPTIONS, &preflight)).await;
    assert_eq!(response.status(), 204);
}

fn origins() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some(String::new())),
        Just(Some("null".to_owned())),
        "(https?|ftp)://(localhost|app\\.example|evil\\.com)(:80|:443|:8080)?/?".prop_map(Some),
        "[!-~]{0,20}".prop_map(Some),
    ]
}

fn sites() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("(same-origin|same-site|cross-site|none||[a-zA-Z-]{0,12})")
}

proptest! {
    /// Go's algorithm as tower-http has it. Ours compares hosts without regard to the default port, and
    /// accepts only origins as browsers write them.
    #[test]
    fn it_is_what_tower_http_does(method in "(GET|HEAD|OPTIONS|POST|PUT|TRACE)", origin in origins(), site in sites()) {
        let mut request = with(Method::from_bytes(method.as_bytes()).unwrap(), &[]);
        let headers = request.headers_mut();
        let fields = [("origin", &origin), (SITE, &site)];
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let theirs = CsrfLayer::new().add_trusted_origin(APP).unwrap().layer(ok());
        let (ours, theirs) = runtime.block_on(async {
            let guard = CrossSite::new().trust([APP]).unwrap();
            let theirs = theirs.oneshot(request.clone()).await.unwrap();
            (status(&guard, request).await, theirs.status().as_u16())
        });
        let is_default_port = matches!(origin.as_deref(), Some("http://localhost:80" | "https://localhost:443"));
        let has_slash = origin.as_deref().is_some_and(|origin| origin.ends_with('/'));
        if !is_default_port && !has_slash {
            prop_assert_eq!(ours, theirs);
        } else {
            prop_assert!(ours >= theirs);
        }
    }
}
