use std::{
    convert::Infallible,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;

type Ends = Arc<Mutex<Vec<(Outcome, Option<String>, u64)>>>;

#[derive(Clone, Default)]
struct Notes(Ends);

impl Observer for Notes {
    type Watch = Self;

    fn begin(&self, _: &request::Parts, _: Option<&str>) -> Self {
        self.clone()
    }
}

impl Watch for Notes {
    fn end(self, exchange: &Exchange<'_>) {
        let error = exchange.error_type().map(str::to_owned);
        let end = (exchange.outcome(), error, exchange.response_bytes());
        self.0.lock().unwrap().push(end);
    }
}

impl Notes {
    fn ends(&self) -> Vec<(Outcome, Option<String>, u64)> {
        self.0.lock().unwrap().clone()
    }
}

/// Gives "ab", then what it was told to.
struct Streamed(u8, fn() -> Poll<Option<Result<Frame<Bytes>, io::Error>>>);

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

async fn respond<B>(
    notes: &Notes,
    method: Method,
    response: Response<B>,
) -> Response<ObservedBody<B, Notes>>
where
    B: Body + Send + 'static,
{
    let response = Mutex::new(Some(response));
    let service = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(response.lock().unwrap().take().unwrap())
    });
    let mut request = Request::new(());
    *request.method_mut() = method;
    let layer = ObserveLayer::new(notes.clone());
    layer.layer(service).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn ends_with_the_last_byte() {
    let notes = Notes::default();
    let response = respond(
        &notes,
        Method::GET,
        Response::new(Full::<Bytes>::from("hello")),
    )
    .await;

    assert_eq!(notes.ends(), []);
    response.into_body().collect().await.unwrap();
    assert_eq!(notes.ends(), [(Outcome::Complete, None, 5)]);
}

#[tokio::test]
async fn ends_with_the_head_where_there_is_no_body() {
    let empty = || Response::new(Full::<Bytes>::default());
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::GET, 304)] {
        let notes = Notes::default();
        let mut response = match method {
            Method::HEAD => Response::new(Full::from("not sent")),
            _ => empty(),
        };
        *response.status_mut() = status.try_into().unwrap();
        let response = respond(&notes, method, response).await;
        drop(response);

        assert_eq!(notes.ends(), [(Outcome::Complete, None, 0)]);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_an_end() {
    let notes = Notes::default();
    let mut response = respond(
        &notes,
        Method::GET,
        Response::new(Streamed(0, || Poll::Pending)),
    )
    .await;

    response.body_mut().frame().await;
    drop(response);
    let gone = Some("client_disconnect".to_owned());
    assert_eq!(notes.ends(), [(Outcome::Aborted, gone.clone(), 2)]);

    let stuck = service_fn(|_: Request<()>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let mut service = ObserveLayer::new(notes.clone()).layer(stuck);
    drop(service.ready().await.unwrap().call(Request::new(())));
    assert_eq!(notes.ends()[1], (Outcome::Aborted, gone, 0));
}

#[tokio::test]
async fn an_error_is_an_end() {
    let notes = Notes::default();
    let broken = Streamed(0, || Poll::Ready(Some(Err(io::Error::other("cut")))));
    let response = respond(&notes, Method::GET, Response::new(broken)).await;

    assert!(response.into_body().collect().await.is_err());
    let body_error = Some("body_error".to_owned());
    assert_eq!(notes.ends(), [(Outcome::Failed, body_error, 2)]);

    let failing = service_fn(|_: Request<()>| async {
        Err::<Response<Full<Bytes>>, _>(io::Error::other("down"))
    });
    let layer = ObserveLayer::new(notes.clone());
    assert!(
        layer
            .layer(failing)
            .oneshot(Request::new(()))
            .await
            .is_err()
    );
    let service_error = Some("service_error".to_owned());
    assert_eq!(notes.ends()[1], (Outcome::Failed, service_error, 0));
}

#[tokio::test]
async fn a_panic_is_an_end() {
    let notes = Notes::default();
    let broken = Streamed(0, || panic!("in the body"));
    let mut response = respond(&notes, Method::GET, Response::new(broken)).await;

    response.body_mut().frame().await;
    let mut cx = Context::from_waker(std::task::Waker::noop());
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
    struct Times(Arc<Mutex<Vec<(Option<Duration>, Duration)>>>);
    impl Observer for Times {
        type Watch = Self;

        fn begin(&self, _: &request::Parts, _: Option<&str>) -> Self {
            self.clone()
        }
    }
    impl Watch for Times {
        fn end(self, exchange: &Exchange<'_>) {
            let times = (exchange.time_to_head(), exchange.duration());
            self.0.lock().unwrap().push(times);
        }
    }
    let times = Times::default();
    let slow = service_fn(|_: Request<()>| async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("late")))
    });

    let observed = ObserveLayer::new((times.clone(), Some(times.clone()))).layer(slow);
    let Ok(response) = observed.oneshot(Request::new(())).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    response.into_body().collect().await.unwrap();

    let expected = (Some(Duration::from_secs(2)), Duration::from_secs(5));
    assert_eq!(*times.0.lock().unwrap(), [expected, expected]);
}
