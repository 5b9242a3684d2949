//! Requests that are cancelled at any instant.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use portcullis_test::request;
use tower::{Layer, Service, service_fn};

use super::{Written, edge, flushed};
use crate::{RequestId, body_limit::RequestBody};

/// A body that is not ready every second time.
struct Halting {
    left: u8,
    halts: bool,
}

impl Body for Halting {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.halts = !self.halts;
        if self.halts {
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

async fn answer(
    request: Request<RequestBody<portcullis_test::Body>>,
) -> Result<Response<Halting>, Infallible> {
    let mut halts: u8 = request.uri().path()[1..].parse().unwrap();
    poll_fn(move |_| {
        halts = halts.saturating_sub(1);
        if halts == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    Ok(Response::new(Halting {
        left: 3,
        halts: false,
    }))
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Polls an exchange so many times. Returns whether it came to its end.
fn poll_some<S, B>(service: &mut S, request: Request<portcullis_test::Body>, mut polls: u64) -> bool
where
    S: Service<Request<portcullis_test::Body>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut future = pin!(service.call(request));
    let response = loop {
        if polls == 0 {
            return false;
        }
        polls -= 1;
        if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
            break response.unwrap_or_else(|never| match never {});
        }
    };
    let mut body = pin!(response.into_body());
    while polls > 0 {
        polls -= 1;
        if let Poll::Ready(None) = body.as_mut().poll_frame(&mut cx) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn each_is_logged_once() {
    const REQUESTS: u64 = 100_000;
    let written = Written::default();
    let log = written.builder().build().unwrap();
    let layer = edge(&log).build().unwrap();
    let mut service = layer.layer(service_fn(answer));
    let mut dice = Dice(7);
    let mut gone = HashMap::new();
    for at in 0..REQUESTS {
        let mut request = request(&format!("/{}", dice.below(5)));
        let facts = crate::Facts::of_mut(request.extensions_mut());
        let id = at.to_string();
        facts.set(RequestId::parse(id.as_bytes()).unwrap());
        let has_ended = poll_some(&mut service, request, dice.below(14));
        gone.insert(id, !has_ended);
        if at % 1000 == 0 {
            flushed(&log).await;
        }
    }
    flushed(&log).await;

    let lines = written.lines();
    assert_eq!(lines.len() as u64, REQUESTS);
    for line in &lines {
        let was_gone = gone
            .remove(line["request_id"].as_str().unwrap())
            .expect("only once");
        let expected = if was_gone { "client_gone" } else { "complete" };
        assert_eq!(line["outcome"], expected, "{line}");
    }
    let cancelled = lines
        .iter()
        .filter(|line| line["outcome"] == "client_gone")
        .count();
    assert!((60_000..95_000).contains(&cancelled), "{cancelled}");
}
