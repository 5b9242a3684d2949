//! Who is slow: the client, or the application.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    Deadline, Edge, Facts, Rejection, RejectionKind, body_limit::RequestBody, timeout::Timeout,
};

/// A piece after each pause, so many times, or for ever.
struct Trickle {
    pause: Duration,
    piece: &'static [u8],
    left: usize,
    timer: Pin<Box<Sleep>>,
}

impl Trickle {
    fn new(pause: Duration, piece: &'static [u8], left: usize) -> Self {
        Self {
            pause,
            piece,
            left,
            timer: Box::pin(sleep(pause)),
        }
    }
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.timer.as_mut().poll(cx));
        let pause = self.pause;
        self.timer = Box::pin(sleep(pause));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.piece)))))
    }
}

/// Sends an upload to an application that reads it and then works. Returns the response, and after how
/// long it came.
async fn upload(limits: Timeout, body: Trickle, work: Duration) -> (Response<()>, Duration) {
    let reads = move |request: Request<RequestBody<Trickle>>| async move {
        // What becomes of the error is the application's business.
        let _ = request.into_body().collect().await;
        sleep(work).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    };
    let edge = Edge::new().timeout(limits).body_limit(None).hygiene(None);
    let service = edge.build().unwrap().layer(service_fn(reads));
    let began = Instant::now();
    let response = service.oneshot(Request::new(body)).await.unwrap();
    (response.map(drop), began.elapsed())
}

fn kind<B>(response: &Response<B>) -> Option<RejectionKind> {
    response.extensions().get().map(Rejection::kind)
}

fn limits() -> Timeout {
    Timeout::new(30 * SECOND)
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_goes_on_may_take_longer_than_the_application() {
    let body = Trickle::new(10 * SECOND, &[0; 8192], 60);
    let (response, took) = upload(limits(), body, 29 * SECOND).await;

    assert_eq!(response.status(), StatusCode::OK);
    assert!(took >= 629 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_slow_upload_a_handler_has_all_its_time_for_calls_of_its_own() {
    let reads = |request: Request<RequestBody<Trickle>>| async move {
        let deadline: Deadline = Facts::of(request.extensions()).get().cloned().unwrap();
        request.into_body().collect().await.unwrap();
        let (left, began) = (deadline.remaining(), Instant::now());
        assert_eq!(deadline.instant(), began + left);
        assert!(left > 29 * SECOND && left <= 30 * SECOND, "{left:?}");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    };
    let edge = Edge::new().timeout(limits()).body_limit(None).hygiene(None);
    let service = edge.build().unwrap().layer(service_fn(reads));
    let body = Trickle::new(10 * SECOND, &[0; 8192], 60);

    let response = service.oneshot(Request::new(body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_a_body_was_waited_for_in_vain_is_the_clients_too() {
    let gives_up = |request: Request<RequestBody<Trickle>>| async move {
        let read = request.into_body().collect();
        assert!(tokio::time::timeout(15 * SECOND, read).await.is_err());
        sleep(20 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    };
    let edge = Edge::new().timeout(limits()).body_limit(None).hygiene(None);
    let service = edge.build().unwrap().layer(service_fn(gives_up));
    let body = Trickle::new(1000 * SECOND, b"x", 1);

    let response = service.oneshot(Request::new(body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_client_is_told_that_it_was_slow_and_the_application_that_it_was() {
    let cases = [
        // Nothing comes.
        (1000, &b"x"[..], 1, 408, 20),
        // Too little comes.
        (5, b"x", 1000, 408, 25),
        // It comes, and the application then takes its time: after 100 s of waiting.
        (10, &[0; 8192], 10, 503, 130),
    ];
    for (pause, piece, pieces, status, seconds) in cases {
        let body = Trickle::new(pause * SECOND, piece, pieces);
        let (response, took) = upload(limits(), body, 1000 * SECOND).await;

        assert_eq!(response.status(), status);
        let closes = response.headers().get("connection");
        assert_eq!(closes.is_some(), status == 408);
        assert!(took >= seconds * SECOND, "{status}: {took:?}");
        assert!(took <= seconds * SECOND + SECOND / 10, "{status}: {took:?}");
    }
    let late = upload(
        limits().gateway(),
        Trickle::new(SECOND, &[0; 8192], 1),
        100 * SECOND,
    );
    assert_eq!(kind(&late.await.0), Some(RejectionKind::GatewayTimedOut));
}

#[tokio::test(start_paused = true)]
async fn an_upload_has_a_total() {
    let body = Trickle::new(SECOND, &[0; 8192], 10_000);
    let (response, took) = upload(limits().upload_total(60 * SECOND), body, SECOND).await;

    assert_eq!(kind(&response), Some(RejectionKind::RequestTimedOut));
    assert!(took >= 60 * SECOND && took <= 62 * SECOND, "{took:?}");
    let body = Trickle::new(SECOND, b"x", 10_000);
    let (response, _) = upload(limits().without_upload_limits(), body, SECOND).await;
    assert_eq!(kind(&response), Some(RejectionKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_time_before_the_application_reads_is_its_own_and_another_task_may_read() {
    for is_late in [true, false] {
        let reads = move |request: Request<RequestBody<Trickle>>| async move {
            if is_late {
                sleep(40 * SECOND).await;
            }
            let reading = tokio::spawn(request.into_body().collect());
            let _ = reading.await.unwrap();
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        };
        let edge = Edge::new().body_limit(None).hygiene(None).build().unwrap();
        let body = Trickle::new(10 * SECOND, &[0; 8192], 10);
        let service = edge.layer(service_fn(reads));
        let response = service.oneshot(Request::new(body)).await.unwrap();

        let expected = is_late.then_some(RejectionKind::TimedOut);
        assert_eq!(kind(&response), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_last_and_not_be_silent_for_ever() {
    let hour = 3600 * SECOND;
    for (pause, limit, is_whole) in [
        (100 * SECOND, Some(300 * SECOND), true),
        (301 * SECOND, Some(300 * SECOND), false),
        (hour, None, true),
    ] {
        let streams = move |_: Request<_>| async move {
            let body = Trickle::new(pause, b"event", 40);
            Ok::<_, Infallible>(Response::new(body))
        };
        let limits = limits().stream_idle(limit);
        let edge = Edge::new().timeout(limits).hygiene(None).build().unwrap();
        let request = Request::new(Full::<Bytes>::default());
        let response = edge.layer(service_fn(streams)).oneshot(request).await;
        let read = response.unwrap().into_body().collect().await;

        assert_eq!(read.is_ok(), is_whole, "{pause:?}");
        if let Err(error) = read {
            let text = "the response's body gave nothing for too long";
            assert_eq!(error.to_string(), text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_both_ways_may_be_slow_once_it_is_answered() {
    let echoes = |request: Request<RequestBody<Trickle>>| async move {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    };
    for (pause, is_whole) in [(25, true), (301, false)] {
        let edge = Edge::new().hygiene(None).body_limit(None).build().unwrap();
        let body = Trickle::new(pause * SECOND, b"hi", 20);
        let service = edge.layer(service_fn(echoes));
        let response = service.oneshot(Request::new(body)).await.unwrap();

        assert_eq!(response.into_body().collect().await.is_ok(), is_whole);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_grpc_may_ask_for_less_and_not_for_more() {
    for (asked, seconds) in [("2S", 2), ("1H", 30), ("soon", 30)] {
        let waits = |request: Request<_>| async move {
            let deadline = Facts::of(request.extensions()).get::<Deadline>();
            let left = deadline.unwrap().remaining();
            sleep(1000 * SECOND).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("{left:?}"))))
        };
        let edge = Edge::new().hygiene(None).build().unwrap();
        let request = Request::post("/").header("grpc-timeout", asked);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let began = Instant::now();
        let response = edge.layer(service_fn(waits)).oneshot(request).await;

        assert_eq!(response.unwrap().status(), 503);
        let took = began.elapsed();
        assert!(took >= seconds * SECOND && took <= seconds * SECOND + SECOND / 10);
    }
}

const SECOND: Duration = Duration::from_secs(1);
