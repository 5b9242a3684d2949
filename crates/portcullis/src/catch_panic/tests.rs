use std::{
    convert::Infallible,
    future::Ready,
    panic::{catch_unwind, panic_any, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, request};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use portcullis_core::{
    BoxError, Facts, Guard, Rejection, RejectionKind, Reply, RequestId, Verdict,
};
use portcullis_test::{
    Body as TestBody, Chunks, contract, echo, logged, request as get, send, text,
};
use tower::{Layer, Service, service_fn};

use super::CatchPanicLayer;
use crate::engine::{Alone, Wrapped};

contract!(CatchPanicLayer::new(), CatchPanicLayer::off());

const SECRET: &str = "the password is 12345";

fn named(path: &str) -> Request<TestBody> {
    let mut request = get(path);
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"r-1").unwrap());
    request
}

/// Panics in `call`, before there is a future.
#[derive(Clone)]
struct PanicsInCall;

impl<B> Service<Request<B>> for PanicsInCall {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        panic!("{SECRET}");
    }
}

/// Yields "ab", then panics.
struct PanicsWhileStreamed(bool);

impl Body for PanicsWhileStreamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        assert!(!self.0, "{SECRET}");
        self.0 = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"ab")))))
    }
}

impl From<Bytes> for PanicsWhileStreamed {
    fn from(_: Bytes) -> Self {
        Self(false)
    }
}

async fn panics_with(payload: fn()) -> Result<Response<TestBody>, Infallible> {
    payload();
    Ok(Response::default())
}

#[tokio::test]
async fn a_panic_in_call_is_a_500() {
    let response = send(CatchPanicLayer::new().layer(PanicsInCall), named("/")).await;

    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn a_panic_in_the_future_is_a_500_that_tells_nothing() {
    let payloads: [fn(); 3] = [
        || panic!("{SECRET}"),
        || panic_any(SECRET.to_owned()),
        || panic_any(12345),
    ];
    for payload in payloads {
        let broken = service_fn(move |_| panics_with(payload));
        let response = send(CatchPanicLayer::new().layer(broken), named("/")).await;

        assert_eq!(response.status(), 500);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.kind(), RejectionKind::Panicked);
        let body = text(response).await;
        assert!(body.contains("\"request_id\":\"r-1\""), "{body}");
        assert!(!body.contains("12345"), "{body}");
    }
}

/// Panics when it is asked whether it is ready.
#[derive(Clone)]
struct IsNeverReady;

impl<B> Service<Request<B>> for IsNeverReady {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        panic!("{SECRET}");
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn a_panic_before_the_call_is_a_500() {
    let response = send(CatchPanicLayer::new().layer(IsNeverReady), named("/")).await;

    assert_eq!(response.status(), 500);
}

/// Panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

#[tokio::test]
async fn a_payload_that_panics_when_it_is_dropped_is_a_500() {
    let broken = service_fn(|_| panics_with(|| panic_any(Bomb)));
    let response = send(CatchPanicLayer::new().layer(broken), named("/")).await;

    assert_eq!(response.status(), 500);
}

#[tokio::test]
async fn a_panic_that_the_application_catches_is_logged_as_such() {
    let (lines, response) = logged(async {
        let careful = service_fn(|_| {
            for text in ["caught by the application", "and again"] {
                let _ = catch_unwind(|| panic!("{text}"));
            }
            panics_with(|| {})
        });
        send(CatchPanicLayer::new().layer(careful), named("/")).await
    })
    .await;

    assert_eq!(response.status(), 200);
    assert!(lines.contains("caught by the application"), "{lines}");
    assert!(lines.contains("and again"), "{lines}");
}

#[tokio::test]
async fn a_panic_after_many_that_were_caught_has_its_place() {
    let (lines, _) = logged(async {
        let careful = service_fn(|_| {
            for _ in 0..20 {
                let _ = catch_unwind(|| panic!("caught"));
            }
            panics_with(|| panic!("the last"))
        });
        send(CatchPanicLayer::new().layer(careful), named("/")).await
    })
    .await;

    let last = lines
        .lines()
        .find(|line| line.contains("the last"))
        .unwrap();
    assert!(last.contains("catch_panic/tests.rs:"), "{lines}");
}

#[tokio::test]
async fn a_panic_is_never_told_with_the_text_of_another() {
    let (lines, _) = logged(async {
        let layer = CatchPanicLayer::new();
        let careful = service_fn(|_| {
            let _ = catch_unwind(|| panic!("of the first request"));
            panics_with(|| {})
        });
        send(layer.layer(careful), named("/")).await;
        // No hook hears of it.
        let resumes = service_fn(|_| panics_with(|| resume_unwind(Box::new("of the second"))));
        send(layer.layer(resumes), named("/")).await
    })
    .await;

    let second = lines.lines().find(|line| line.contains("of the second"));
    let second = second.unwrap_or_else(|| panic!("{lines}"));
    assert!(!second.contains("of the first"), "{lines}");
    assert!(
        !second.contains("tests.rs"),
        "the place of another: {lines}"
    );
}

#[tokio::test]
async fn a_panic_in_the_body_ends_it_with_an_error() {
    let streams =
        service_fn(|_| async { Ok::<_, Infallible>(Response::new(PanicsWhileStreamed(false))) });
    let response = send(CatchPanicLayer::new().layer(streams), named("/")).await;

    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "ab");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the response body panicked");
    assert!(!body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn the_place_and_the_request_id_are_logged_once() {
    let (lines, _) = logged(async {
        let broken = service_fn(|_| panics_with(|| panic!("first\nsecond")));
        send(CatchPanicLayer::new().layer(broken), named("/")).await
    })
    .await;

    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains("request_id=r-1"), "{lines}");
    assert!(lines.contains("catch_panic/tests.rs:"), "{lines}");
    assert!(lines.contains(r#""first\nsecond""#), "{lines}");
}

#[tokio::test]
async fn other_panics_reach_the_hook_that_was_there() {
    let _ = CatchPanicLayer::new();
    let joined = tokio::spawn(async { panic!("elsewhere") }).await;

    assert!(joined.is_err_and(|error| error.is_panic()));
}

#[tokio::test]
async fn a_body_that_holds_passes_through() {
    #[derive(Clone)]
    struct Holds;
    impl Guard for Holds {
        fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
            reply.hold(());
            Verdict::Admit
        }
    }
    let streams = service_fn(|_| async {
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a"), Ok("b")])))
    });
    let holds = Alone::<_, Wrapped>::from(Holds).layer(streams);
    let response = send(CatchPanicLayer::new().layer(holds), named("/")).await;

    assert_eq!(text(response).await, "ab");
}

#[tokio::test]
async fn off_is_identity() {
    let response = send(CatchPanicLayer::off().layer(echo()), named("/")).await;

    assert_eq!(response.status(), 200);
    let broken = service_fn(|_| panics_with(|| panic!("not caught")));
    let future = tokio::spawn(send(CatchPanicLayer::off().layer(broken), named("/")));
    assert!(future.await.is_err_and(|error| error.is_panic()));
}
