//! What guards check of a body.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, request};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use portcullis_core::{BodyCheck, BoxError, Guard, Rejection, RejectionKind, Reply, Verdict};
use portcullis_test::{Body as TestBody, Chunks, ok, request, send, text};
use tower::{Layer, service_fn};

use crate::engine::{Alone, Plain, RequestBody};

/// Admits a body that reads `right`.
#[derive(Clone, Default)]
struct Reads {
    is_strict: bool,
    waits_for: Option<Arc<AtomicBool>>,
}

struct Check {
    text: Vec<u8>,
    guard: Reads,
}

impl Guard for Reads {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let (text, guard) = (Vec::new(), self.clone());
        reply.check_body(Check { text, guard });
        Verdict::Admit
    }
}

impl BodyCheck for Check {
    fn update(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        if self
            .guard
            .waits_for
            .as_ref()
            .is_some_and(|waits_for| !waits_for.load(Relaxed))
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if self.text == b"right" {
            Ok(())
        } else {
            Err(RejectionKind::Unauthenticated.into())
        })
    }

    fn unfinished(&self) -> Option<Rejection> {
        self.guard
            .is_strict
            .then(|| RejectionKind::Unauthenticated.into())
    }
}

/// What a handler saw of a body, frame by frame.
type Seen = Arc<Mutex<Vec<String>>>;

async fn reads<B>(seen: Seen, request: Request<B>) -> Result<Response<TestBody>, Infallible>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string());
        let frame = frame.map_or_else(
            |error| error,
            |frame| String::from_utf8(frame.into_data().unwrap().into()).unwrap(),
        );
        seen.lock().unwrap().push(frame);
    }
    seen.lock().unwrap().push("end".to_owned());
    Ok(Response::new(TestBody::from("handled")))
}

/// Sends a body through a layer. Returns the status, and what the handler saw.
async fn post<B>(guard: Reads, body: B) -> (u16, Vec<String>)
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let seen = Seen::default();
    let handler = {
        let seen = seen.clone();
        service_fn(move |request: Request<RequestBody<B>>| reads(seen.clone(), request))
    };
    let layer: Alone<Reads> = guard.into();
    let response = send(layer.layer(handler), Request::new(body)).await;
    let seen = seen.lock().unwrap().clone();
    (response.status().as_u16(), seen)
}

#[tokio::test]
async fn a_body_that_is_right_passes() {
    let (status, seen) = post(Reads::default(), Full::from("right")).await;
    assert_eq!((status, &*seen.join(" ")), (200, "right end"));

    let chunks = Chunks::new([Ok("ri"), Ok("ght")]);
    let (status, seen) = post(Reads::default(), chunks).await;
    assert_eq!((status, &*seen.join(" ")), (200, "ri ght end"));
}

#[tokio::test]
async fn the_last_bytes_of_a_wrong_body_are_held_where_they_are_known_to_be_the_last() {
    let (status, seen) = post(Reads::default(), Full::from("wrong")).await;

    assert_eq!(status, 401);
    assert_eq!(seen, ["the request body was refused", "end"]);
}

#[tokio::test]
async fn the_end_of_a_wrong_body_is_an_error_where_its_length_is_not_known() {
    let chunks = Chunks::new([Ok("wr"), Ok("ong")]);
    let (status, seen) = post(Reads::default(), chunks).await;

    assert_eq!(status, 401);
    assert_eq!(seen, ["wr", "ong", "the request body was refused", "end"]);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let chunks = Chunks::new([Ok("right"), Err("gone")]);
    let (_, seen) = post(
        Reads {
            is_strict: true,
            ..Reads::default()
        },
        chunks,
    )
    .await;

    assert_eq!(seen[..2], ["right", "gone"]);
}

#[tokio::test]
async fn an_empty_body_is_checked_before_the_application_runs() {
    let (status, seen) = post(Reads::default(), Full::default()).await;
    assert_eq!((status, seen.len()), (401, 0));
}

#[tokio::test]
async fn an_application_that_does_not_read_answers_unless_a_check_must_finish() {
    for (is_strict, expected) in [(false, 200), (true, 401)] {
        let guard = Reads {
            is_strict,
            ..Reads::default()
        };
        let layer: Alone<Reads> = guard.into();
        let request = Request::new(TestBody::from("right"));
        let response = send(layer.layer(ok()), request).await;
        assert_eq!(response.status(), expected);
    }
}

#[tokio::test]
async fn the_last_bytes_wait_for_a_check_that_must_wait() {
    let go = Arc::new(AtomicBool::new(false));
    let guard = Reads {
        waits_for: Some(go.clone()),
        ..Reads::default()
    };
    let posted = tokio::spawn(post(guard, Full::from("right")));
    tokio::task::yield_now().await;
    assert!(!posted.is_finished());
    go.store(true, Relaxed);

    assert_eq!(posted.await.unwrap().0, 200);
}

#[tokio::test]
async fn a_layer_that_leaves_bodies_alone_lets_nothing_pass_that_must_be_checked() {
    let layer: Alone<Reads, Plain> = Reads::default().into();
    let response = send(layer.layer(ok()), request("/")).await;

    assert_eq!(response.status(), 500);
    assert!(text(response).await.contains("misconfigured"));
}

#[tokio::test]
async fn a_body_keeps_its_length_while_its_last_bytes_wait() {
    let go = Arc::new(AtomicBool::new(false));
    let handler = {
        let go = go.clone();
        service_fn(move |request: Request<RequestBody<TestBody>>| {
            let go = go.clone();
            async move {
                let mut body = request.into_body();
                let waiting = std::future::poll_fn(|cx| {
                    Poll::Ready(std::pin::Pin::new(&mut body).poll_frame(cx).is_pending())
                });
                let waited = waiting.await;
                let (size, is_end) = (body.size_hint().exact(), body.is_end_stream());
                go.store(true, Relaxed);
                let read = body.collect().await.unwrap().to_bytes();
                let seen = format!("{waited} {size:?} {is_end} {read:?}");
                Ok::<_, Infallible>(Response::new(TestBody::from(seen)))
            }
        })
    };
    let layer: Alone<Reads> = Reads {
        waits_for: Some(go),
        ..Reads::default()
    }
    .into();
    let response = send(layer.layer(handler), Request::new(TestBody::from("right"))).await;

    assert_eq!(text(response).await, "true Some(5) false b\"right\"");
}
