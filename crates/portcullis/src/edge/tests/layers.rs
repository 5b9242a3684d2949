//! Layers of tower-http in a slot of an edge.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{self, HeaderName},
};
use portcullis_core::{Rejection, RejectionKind};
use portcullis_test::{OwnBody, send, text};
use tower::{Layer, Service, layer::layer_fn, service_fn};
use tower_http::{cors::CorsLayer, csrf::CsrfLayer};

use crate::{
    Edge, Slot,
    api_key::Keys,
    edge::{EdgeLayer, LayerGuard, Passes},
};

const SITE: &str = "https://app.example";

fn edge(guard: LayerGuard) -> EdgeLayer {
    let edge = Edge::new().guard(Slot::CrossOrigin, guard);
    edge.api_keys(Keys::default()).build().unwrap()
}

async fn hello<B>(_: Request<B>) -> Result<Response<OwnBody>, Infallible> {
    let mut response = Response::new("hello".into());
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().insert(header::VARY, vary);
    Ok(response)
}

fn asked(method: Method, fields: &[(HeaderName, &'static str)]) -> Request<portcullis_test::Body> {
    let mut request = portcullis_test::request("/");
    *request.method_mut() = method;
    for (name, value) in fields {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    request
}

fn cors() -> LayerGuard {
    let layer = CorsLayer::new()
        .allow_origin([HeaderValue::from_static(SITE)])
        .allow_methods([Method::PUT]);
    LayerGuard::new("CORS", layer)
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_key() {
    let service = edge(cors()).layer(service_fn(hello));
    let preflight = [
        (header::ORIGIN, SITE),
        (header::ACCESS_CONTROL_REQUEST_METHOD, "PUT"),
    ];
    let response = send(service, asked(Method::OPTIONS, &preflight)).await;

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-methods"], "PUT");
    assert!(response.headers().contains_key("x-content-type-options"));
}

#[tokio::test]
async fn a_browser_can_read_a_401() {
    let service = edge(cors()).layer(service_fn(hello));
    let response = send(service, asked(Method::PUT, &[(header::ORIGIN, SITE)])).await;

    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["access-control-allow-origin"], SITE);
}

#[tokio::test]
async fn what_the_application_varies_by_stays() {
    let edge = Edge::new().guard(Slot::CrossOrigin, cors()).build();
    let service = edge.unwrap().layer(service_fn(hello));
    let response = send(service, asked(Method::GET, &[(header::ORIGIN, SITE)])).await;

    assert_eq!(response.headers()["access-control-allow-origin"], SITE);
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary[0], "accept-encoding");
    assert!(vary[1].to_str().unwrap().contains("origin"), "{vary:?}");
}

#[tokio::test]
async fn a_request_of_another_site_is_refused_as_a_problem() {
    let csrf = CsrfLayer::new().add_trusted_origin(SITE).unwrap();
    let edge = Edge::new().guard(Slot::CrossOrigin, LayerGuard::new("CSRF", csrf));
    let service = edge.build().unwrap().layer(service_fn(hello));
    let site = HeaderName::from_static("sec-fetch-site");
    let forged = send(
        service.clone(),
        asked(Method::POST, &[(site.clone(), "cross-site")]),
    );
    let forged = forged.await;

    assert_eq!(forged.status(), 403);
    let rejection = forged.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Forbidden);
    assert!(
        text(forged)
            .await
            .contains("urn:portcullis:problem:forbidden")
    );
    for allowed in [
        asked(Method::POST, &[(site.clone(), "same-origin")]),
        asked(
            Method::POST,
            &[(site, "cross-site"), (header::ORIGIN, SITE)],
        ),
    ] {
        assert_eq!(send(service.clone(), allowed).await.status(), 200);
    }
}

/// Waits, and lets requests pass, or fails.
#[derive(Clone)]
struct Slow(Passes, bool);

impl Service<Request<()>> for Slow {
    type Response = Response<Bytes>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let Self(mut passes, fails) = self.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let passed = passes.call(request).await;
            if fails {
                Err("down")
            } else {
                Ok(passed.unwrap())
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_wait_and_one_that_fails_lets_nobody_pass() {
    for (fails, status) in [(false, 200), (true, 500)] {
        let slow = LayerGuard::new("slow", layer_fn(move |passes| Slow(passes, fails)));
        let edge = Edge::new().guard(Slot::CrossOrigin, slow);
        let edge = edge.build().unwrap();
        assert!(edge.explain().to_string().contains("slow"));
        let service = edge.layer(service_fn(hello));

        let response = send(service, portcullis_test::request("/")).await;
        assert_eq!(response.status(), status);
    }
}
