use std::{
    convert::Infallible,
    future::{Pending, Ready, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response, request, response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{Facts, Rejection, RejectionKind, RequestId};

type Body = Full<Bytes>;

/// Judges by the path: `/admit`, `/defer`, `/refuse-later`, anything else.
#[derive(Clone, Debug, Default)]
struct ByPath {
    permits: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Stamp(Arc<AtomicUsize>);

impl Guard for ByPath {
    type Permit = Stamp;
    type Future = Ready<Result<Stamp, Rejection>>;

    fn admit(&self, head: &request::Parts) -> Verdict<Stamp, Self::Future> {
        let permit = || {
            self.permits.fetch_add(1, Ordering::Relaxed);
            Stamp(Arc::clone(&self.permits))
        };
        match head.uri.path() {
            "/admit" => Verdict::Admit(permit()),
            "/defer" => Verdict::Defer(ready(Ok(permit()))),
            "/refuse-later" => Verdict::Defer(ready(Err(RejectionKind::RateLimited.into()))),
            _ => Verdict::Reject(RejectionKind::Unauthenticated.into()),
        }
    }
}

impl Permit for Stamp {
    fn on_request(&mut self, head: &mut request::Parts) {
        head.extensions.insert("stamped");
    }

    fn on_response(&mut self, head: &mut response::Parts) {
        head.headers.insert("x-stamp", 1.into());
    }
}

impl Drop for Stamp {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn request(path: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Body::default()).unwrap();
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"r-1").unwrap());
    request
}

async fn send<G: Guard + Clone>(guard: G, path: &str) -> Response<Body> {
    let stamped = |req: Request<Body>| {
        let body = req.extensions().get().copied().unwrap_or("plain");
        ready(Ok::<_, Infallible>(Response::new(Body::from(body))))
    };
    let service = GateLayer::new(guard).layer(service_fn(stamped));
    let Ok(response) = service.oneshot(request(path)).await;
    response
}

#[tokio::test]
async fn a_permit_sees_the_request_and_the_response() {
    for path in ["/admit", "/defer"] {
        let response = send(ByPath::default(), path).await;

        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-stamp"], "1");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "stamped");
    }
}

#[tokio::test]
async fn a_refusal_carries_its_rejection_and_the_request_id() {
    for (path, status) in [("/", 401), ("/refuse-later", 429)] {
        let response = send(ByPath::default(), path).await;

        assert_eq!(response.status(), status);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(
            rejection.id().map(ToString::to_string).as_deref(),
            Some("r-1")
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], "r-1");
    }
}

#[tokio::test]
async fn off_admits_everything() {
    assert_eq!(send(Off, "/").await.status(), 200);
    assert_eq!(send(None::<ByPath>, "/").await.status(), 200);
    assert_eq!(send(Some(ByPath::default()), "/").await.status(), 401);
    assert_eq!(send(Some(ByPath::default()), "/defer").await.status(), 200);
}

#[tokio::test]
async fn a_cancelled_request_gives_its_permit_back() {
    let guard = ByPath::default();
    let stuck = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let mut service = GateLayer::new(guard.clone()).layer(stuck);

    let future = service.ready().await.unwrap().call(request("/admit"));
    assert_eq!(guard.permits.load(Ordering::Relaxed), 1);
    drop(future);
    assert_eq!(guard.permits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_responder_of_ones_own_keeps_what_every_refusal_carries() {
    #[derive(Clone)]
    struct Never;
    impl Guard for Never {
        type Permit = ();
        type Future = Pending<Result<(), Rejection>>;

        fn admit(&self, _: &request::Parts) -> Verdict<(), Self::Future> {
            let rejection = Rejection::new(RejectionKind::RateLimited);
            Verdict::Reject(rejection.retry_after(std::time::Duration::from_millis(1200)))
        }
    }
    let teapot = |rejection: &Rejection| {
        Response::builder()
            .status(418)
            .body(Body::from(rejection.to_string()))
            .unwrap()
    };
    let hello =
        service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(Response::<Body>::default())));
    let service = GateLayer::new(Never).respond_with(teapot).layer(hello);

    let Ok(response) = service.oneshot(request("/")).await;
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.extensions().get::<Rejection>().is_some());
}
