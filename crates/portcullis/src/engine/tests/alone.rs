use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, request};
use portcullis_core::{Facts, Guard, Rejection, RejectionKind, Reply, RequestId, Verdict};
use portcullis_test::{Body, service, text};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Log, Noted, edge, rejects};
use crate::{
    Slot,
    engine::{Alone, Plain},
};

/// Guards that look at heads only: bodies stay as they are.
type GuardLayer<G> = Alone<G, Plain>;

const STAMP: HeaderName = HeaderName::from_static("x-stamp");

/// Judges by the path: `/admit`, `/defer`, `/refuse-later`, anything else.
#[derive(Clone, Debug, Default)]
struct ByPath {
    held: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl ByPath {
    /// Leaves something in the request, in the response, and in both.
    fn stamp(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        self.held.fetch_add(1, Relaxed);
        reply.hold(Place(Arc::clone(&self.held)));
        reply.insert(STAMP, HeaderValue::from_static("1"));
        head.extensions.insert("stamped");
        Verdict::Admit
    }
}

impl Guard for ByPath {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let own = self.clone();
        match head.uri.path() {
            "/admit" => self.stamp(head, reply),
            "/defer" => Verdict::defer(ready(()), move |(), head, reply| own.stamp(head, reply)),
            "/refuse-later" => {
                Verdict::defer(ready(RejectionKind::RateLimited), |kind, _, _| kind.into())
            }
            _ => RejectionKind::Unauthenticated.into(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn request(path: &str) -> Request<Body> {
    let mut request = portcullis_test::request(path);
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"r-1").unwrap());
    request
}

async fn send(layer: GuardLayer<impl Guard + Clone>, path: &str) -> Response<Body> {
    let stamped = service(|request| {
        let stamp = request.extensions().get().copied();
        stamp.unwrap_or("plain").to_owned()
    });
    portcullis_test::send(layer.layer(stamped), request(path)).await
}

#[tokio::test]
async fn a_guard_changes_the_request_and_the_response() {
    for path in ["/admit", "/defer"] {
        let response = send(ByPath::default().into(), path).await;

        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[STAMP], "1");
        assert_eq!(text(response).await, "stamped");
    }
}

#[tokio::test]
async fn a_refusal_carries_its_rejection_and_the_request_id() {
    for (path, status) in [("/", 401), ("/refuse-later", 429)] {
        let response = send(ByPath::default().into(), path).await;

        assert_eq!(response.status(), status);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(
            rejection.request_id().map(ToString::to_string).as_deref(),
            Some("r-1")
        );
        let problem: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], "r-1");
    }
}

#[tokio::test]
async fn off_admits_everything() {
    let on = || GuardLayer::from(Some(ByPath::default()));

    assert_eq!(send(GuardLayer::<ByPath>::off(), "/").await.status(), 200);
    assert_eq!(
        send(GuardLayer::from(None::<ByPath>), "/").await.status(),
        200
    );
    assert_eq!(send(on(), "/").await.status(), 401);
    assert_eq!(send(on(), "/defer").await.status(), 200);
}

#[tokio::test]
async fn a_layer_and_its_guard_are_as_good_as_each_other() {
    let layer = GuardLayer::from(ByPath::default());

    assert!(layer.part().is_some());
    assert!(Option::<ByPath>::from(layer).is_some());
    assert!(Option::<ByPath>::from(GuardLayer::<ByPath>::off()).is_none());
}

#[tokio::test]
async fn a_cancelled_request_gives_back_what_it_held() {
    let guard = ByPath::default();
    let stuck = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let mut service = GuardLayer::from(guard.clone()).layer(stuck);

    let future = service.ready().await.unwrap().call(request("/admit"));
    assert_eq!(guard.held.load(Relaxed), 1);
    drop(future);
    assert_eq!(guard.held.load(Relaxed), 0);
}

#[tokio::test]
async fn a_refused_request_gives_back_what_it_held() {
    let guard = ByPath::default();
    let edge = edge().guard(Slot::LoadShed, guard.clone()).guard(
        Slot::Authorization,
        Noted::new("last", &Log::default(), rejects),
    );
    let service = edge.build().unwrap().layer(portcullis_test::echo());
    let response = portcullis_test::send(service, request("/admit")).await;

    assert_eq!(response.status(), 401);
    assert_eq!(
        guard.held.load(Relaxed),
        1,
        "the last byte is still to come"
    );
    assert!(!text(response).await.is_empty());
    assert_eq!(guard.held.load(Relaxed), 0);
}

#[tokio::test]
async fn a_responder_of_ones_own_keeps_what_every_refusal_carries() {
    #[derive(Clone)]
    struct Never;
    impl Guard for Never {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            let after = Duration::from_millis(1200);
            Rejection::new(RejectionKind::RateLimited)
                .with_retry_after(after)
                .into()
        }
    }
    let teapot = |rejection: &Rejection| {
        let mut response = Response::new(Bytes::from(rejection.to_string()));
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    };
    let response = send(GuardLayer::from(Never).respond_with(teapot), "/").await;

    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.extensions().get::<Rejection>().is_some());
    assert_eq!(text(response).await, "rate-limited");
}

#[tokio::test]
async fn a_responder_that_panics_falls_back_to_a_problem() {
    let panics = |_: &Rejection| panic!("in a responder");
    let layer = GuardLayer::from(ByPath::default()).respond_with(panics);
    let response = send(layer, "/").await;

    assert_eq!(response.status(), 401);
    assert!(response.extensions().get::<Rejection>().is_some());
    assert!(
        text(response)
            .await
            .contains("urn:portcullis:problem:unauthenticated")
    );
}
