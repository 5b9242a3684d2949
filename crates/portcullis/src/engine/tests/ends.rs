use std::{
    convert::Infallible,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Method, Request, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use portcullis_core::{Exchange, Facts, Observer, Outcome, Route, RouteSlot};
use portcullis_test::{Chunks, send};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::Notes;
use crate::{
    ObserveLayer,
    engine::{EdgeBody, RequestBody},
};

type Text = Full<Bytes>;
type Asked = Request<RequestBody<Text>>;

/// Yields "ab", then what it was told to.
struct Streamed(u8, fn() -> Polled);

type Polled = Poll<Option<Result<Frame<Bytes>, io::Error>>>;

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"ab"))))),
            _ => (self.1)(),
        }
    }
}

/// Declares how much it yields, and not that it was all.
struct Sized(Chunks, u64);

impl Body for Sized {
    type Data = Bytes;
    type Error = portcullis_core::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.1)
    }
}

async fn respond<B>(notes: &Notes, method: Method, response: Response<B>) -> Response<EdgeBody<B>>
where
    B: Body<Data = Bytes, Error: Into<portcullis_core::BoxError>> + Send + 'static,
{
    let response = Arc::new(Mutex::new(Some(response)));
    let service = service_fn(move |_: Asked| {
        let response = response.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let mut request = Request::new(Text::default());
    *request.method_mut() = method;
    send(ObserveLayer::new(notes.clone()).layer(service), request).await
}

#[tokio::test]
async fn ends_with_the_last_byte() {
    let notes = Notes::default();
    let hello = Response::new(Full::<Bytes>::from("hello"));
    let response = respond(&notes, Method::GET, hello).await;

    assert_eq!(notes.ends(), []);
    response.into_body().collect().await.unwrap();
    assert_eq!(notes.ends(), [(Outcome::Complete, None, 5)]);
}

#[tokio::test]
async fn ends_with_the_head_where_there_is_no_body() {
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::GET, 304)] {
        let notes = Notes::default();
        let text = if method == Method::HEAD {
            "not sent"
        } else {
            ""
        };
        let mut response = Response::new(Full::<Bytes>::from(text));
        *response.status_mut() = status.try_into().unwrap();
        let response = respond(&notes, method, response).await;
        drop(response);

        assert_eq!(notes.ends(), [(Outcome::Complete, None, 0)]);
    }
}

#[tokio::test]
async fn a_response_of_known_length_has_ended_when_its_bytes_are_out() {
    let chunks = || Chunks::new([Ok("ab"), Ok("cd")]);
    let hinted = Response::new(Sized(chunks(), 4));
    let mut declared = Response::new(chunks());
    declared.headers_mut().insert(CONTENT_LENGTH, 4.into());

    assert_ends_with_its_bytes(hinted).await;
    assert_ends_with_its_bytes(declared).await;
}

async fn assert_ends_with_its_bytes<B>(response: Response<B>)
where
    B: Body<Data = Bytes, Error: Into<portcullis_core::BoxError>> + Unpin + Send + 'static,
{
    let notes = Notes::default();
    let mut response = respond(&notes, Method::GET, response).await;

    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(notes.ends(), []);
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(notes.ends(), [(Outcome::Complete, None, 4)]);
    drop(response);
    assert_eq!(notes.ends().len(), 1, "one end");
}

#[tokio::test]
async fn a_response_without_a_byte_has_ended_with_its_head() {
    let mut declared = Response::new(Chunks::new([]));
    declared.headers_mut().insert(CONTENT_LENGTH, 0.into());
    let notes = [Notes::default(), Notes::default()];
    drop(respond(&notes[0], Method::GET, declared).await);
    let hinted = Response::new(Sized(Chunks::new([]), 0));
    drop(respond(&notes[1], Method::GET, hinted).await);

    for notes in notes {
        assert_eq!(notes.ends(), [(Outcome::Complete, None, 0)]);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_an_end() {
    let notes = Notes::default();
    let endless = Response::new(Streamed(0, || Poll::Pending));
    let mut response = respond(&notes, Method::GET, endless).await;

    response.body_mut().frame().await;
    drop(response);
    let gone = Some("client_disconnect".to_owned());
    assert_eq!(notes.ends(), [(Outcome::ClientGone, gone.clone(), 2)]);

    let stuck = service_fn(|_: Asked| pending::<Result<Response<Text>, Infallible>>());
    let mut service = ObserveLayer::new(notes.clone()).layer(stuck);
    drop(service.ready().await.unwrap().call(Request::default()));
    assert_eq!(notes.ends()[1], (Outcome::ClientGone, gone, 0));
}

#[tokio::test]
async fn an_error_is_an_end() {
    let notes = Notes::default();
    let broken = Streamed(0, || Poll::Ready(Some(Err(io::Error::other("cut")))));
    let response = respond(&notes, Method::GET, Response::new(broken)).await;

    assert!(response.into_body().collect().await.is_err());
    let body_error = Some("body_error".to_owned());
    assert_eq!(notes.ends(), [(Outcome::BodyError, body_error, 2)]);

    let failing =
        service_fn(|_: Asked| async { Err::<Response<Text>, _>(io::Error::other("down")) });
    let layer = ObserveLayer::new(notes.clone());
    assert!(
        layer
            .layer(failing)
            .oneshot(Request::default())
            .await
            .is_err()
    );
    let service_error = Some("service_error".to_owned());
    assert_eq!(notes.ends()[1], (Outcome::ServiceError, service_error, 0));
}

#[tokio::test]
async fn a_panic_is_an_end() {
    let notes = Notes::default();
    let broken = Streamed(0, || panic!("in the body"));
    let mut response = respond(&notes, Method::GET, Response::new(broken)).await;

    response.body_mut().frame().await;
    let mut cx = Context::from_waker(Waker::noop());
    let result = catch_unwind(AssertUnwindSafe(move || {
        let _ = Pin::new(response.body_mut()).poll_frame(&mut cx);
        drop(response);
    }));
    assert!(result.is_err());
    let panic = Some("panic".to_owned());
    assert_eq!(notes.ends(), [(Outcome::Panicked, panic, 2)]);
}

#[tokio::test(start_paused = true)]
async fn measures_to_the_head_and_to_the_end() {
    #[derive(Clone, Default)]
    struct Times(Arc<Mutex<Vec<Measured>>>);
    type Measured = (Option<Duration>, Duration);
    impl Observer for Times {
        fn end(&self, exchange: &Exchange) {
            let times = (exchange.time_to_head(), exchange.duration());
            self.0.lock().unwrap().push(times);
        }
    }
    let times = Times::default();
    let slow = service_fn(|_: Asked| async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("late")))
    });

    let layer = ObserveLayer::new(times.clone()).and(Some(times.clone()));
    let response = send(layer.layer(slow), Request::default()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    response.into_body().collect().await.unwrap();

    let expected = (Some(Duration::from_secs(2)), Duration::from_secs(5));
    assert_eq!(*times.0.lock().unwrap(), [expected, expected]);
}

#[tokio::test]
async fn off_tells_nobody() {
    let notes = Notes::default();
    for layer in [ObserveLayer::off(), ObserveLayer::new(None::<Notes>)] {
        let hello = service_fn(|_: Asked| async { Ok(Response::new(Text::from("hello"))) });
        let response = send(layer.layer(hello), Request::default()).await;

        assert!(response.into_body().into_unwatched().is_ok());
        assert_eq!(notes.ends(), []);
    }
}

#[tokio::test]
async fn a_browser_that_closes_a_stream_of_events_is_an_ordinary_end() {
    for media_type in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
        let notes = Notes::default();
        let mut endless = Response::new(Streamed(0, || Poll::Pending));
        let media_type = media_type.parse().unwrap();
        endless.headers_mut().insert(CONTENT_TYPE, media_type);
        let mut response = respond(&notes, Method::GET, endless).await;

        response.body_mut().frame().await;
        drop(response);
        assert_eq!(notes.ends(), [(Outcome::Complete, None, 2)]);
    }
}

#[tokio::test]
async fn an_upgraded_connection_ends_the_exchange() {
    for (method, status) in [(Method::GET, 101), (Method::CONNECT, 200)] {
        let notes = Notes::default();
        let mut switching = Response::new(Text::default());
        *switching.status_mut() = status.try_into().unwrap();
        let response = respond(&notes, method, switching).await;
        let (head, body) = response.into_parts();

        drop(body);
        assert_eq!(notes.ends(), []);
        drop(head.extensions);
        assert_eq!(notes.ends(), [(Outcome::Complete, None, 0)]);
        assert!(notes.only().is_upgraded());
    }
}

#[tokio::test]
async fn the_route_may_be_found_below() {
    let notes = Notes::default();
    let routed = service_fn(|req: Asked| async move {
        let slot: &RouteSlot = Facts::of(req.extensions()).get().unwrap();
        slot.fill(Route::new("/users/{id}"));
        slot.fill(Route::new("/of/a/router/below"));
        pending::<Result<Response<Text>, Infallible>>().await
    });
    let mut service = ObserveLayer::new(notes.clone()).layer(routed);
    let mut response = Box::pin(service.ready().await.unwrap().call(Request::default()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(response.as_mut().poll(&mut cx).is_pending());
    drop(response);

    assert_eq!(notes.only().route(), Some(Route::new("/users/{id}")));
    assert_eq!(notes.only().outcome(), Outcome::ClientGone);
}
