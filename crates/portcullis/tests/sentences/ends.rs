//! How exchanges end.

use std::{convert::Infallible, panic::AssertUnwindSafe, pin::Pin, task::Context, task::Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use portcullis::{Edge, Exchange, Observer};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Req, Seen, Written, ok};

#[derive(Clone)]
struct NeverReady;

impl Service<Req> for NeverReady {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        panic!("in poll_ready");
    }

    fn call(&mut self, _: Req) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

/// error_report: an `ErrorReport` has "of a panic its message, its place"; `Exchange::panic`: "what is
/// known of the panic that the exchange met, if there was one: in a guard, the application or the body".
#[tokio::test]
async fn a_panic_in_poll_ready_is_known_to_the_exchange() {
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let request = Request::get("/")
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = edge.layer(NeverReady).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    let _ = response.into_body().collect().await;
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].error_type(), Some("panic"));
    let panic = seen[0].panic().map(|panic| panic.message().to_owned());
    assert_eq!(panic.as_deref(), Some("in poll_ready"));
}

/// A body that panics when it is asked how long it is, or whether it has ended.
struct Hostile(&'static str);

impl Body for Hostile {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        assert!(self.0 != "end", "in is_end_stream");
        false
    }

    fn size_hint(&self) -> SizeHint {
        assert!(self.0 != "size", "in size_hint");
        SizeHint::default()
    }
}

/// README, "The layers": "panic recovery (`catch_panic`: 500, or a body that ends with an error)".
async fn a_body_that_panics(at: &'static str) {
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let app =
        service_fn(move |_: Req| async move { Ok::<_, Infallible>(Response::new(Hostile(at))) });
    let request = Request::get("/")
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    let task = async move {
        let response = edge.layer(app).oneshot(request).await.unwrap();
        let _ = response.into_body().collect().await;
    };
    let joined = AssertUnwindSafe(task).catch_unwind().await;
    {
        let seen = seen.0.lock().unwrap();
        assert_eq!(seen.len(), 1, "observed once");
    }
    assert!(joined.is_ok(), "the panic reached the server's task");
}

#[tokio::test]
async fn a_body_that_panics_in_is_end_stream_is_caught() {
    a_body_that_panics("end").await;
}

#[tokio::test]
async fn a_body_that_panics_in_size_hint_is_caught() {
    a_body_that_panics("size").await;
}

/// catch_panic: "A panic .. in a layer below is answered with a 500", and each is logged with its
/// `request_id`.
#[tokio::test]
async fn a_panic_in_poll_ready_is_logged_with_the_id_of_its_request() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let edge = Edge::new().build().unwrap();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(NeverReady).oneshot(request).await.unwrap();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    drop(guard);
    let text = written.text();
    assert!(
        text.contains("caught a panic") && text.contains(&id),
        "{text}"
    );
}

/// observe.rs: "Each `Observer` hears that an exchange begins, and of exactly one end", also where another
/// panics in every call.
#[tokio::test]
async fn an_observer_that_panics_takes_nothing_from_others() {
    struct Panics;
    impl Observer for Panics {
        fn begin(&self, _: &mut Exchange, _: &http::request::Parts) -> Option<portcullis::Scope> {
            panic!("in begin");
        }

        fn end(&self, _: &Exchange) {
            panic!("in end");
        }
    }
    let seen = Seen::default();
    let edge = Edge::new()
        .observe(Panics)
        .observe(seen.clone())
        .observe(Panics)
        .build()
        .unwrap();
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    assert_eq!(seen.0.lock().unwrap().len(), 1);
}

/// observe/mod.rs: `Complete` is "with the last byte of the body": not with fewer than the head declares,
/// which no server can send as a whole response.
#[tokio::test]
async fn a_body_that_is_shorter_than_it_was_declared_is_not_complete() {
    struct Short(bool);
    impl Body for Short {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let first = !std::mem::replace(&mut self.0, true);
            Poll::Ready(first.then(|| Ok(Frame::data("hello".into()))))
        }
    }
    let seen = Seen::default();
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let app = service_fn(|_: Req| async {
        let response = Response::builder().header("content-length", "1000");
        Ok::<_, Infallible>(response.body(Short(false)).unwrap())
    });
    let request = Request::get("/").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(app).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_ne!(seen[0].outcome().as_str(), "complete");
}
