//! Outgoing calls: a client that answers at once, and what is around it.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use axum::http::{Request, Response, Uri};
use portcullis::outbound::{BreakerLayer, Outbound};
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use crate::stack::Step;

type Answer = Result<Response<()>, Infallible>;

/// Has to wait once, as for a socket.
struct Waits(bool);

impl Future for Waits {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Ok(Response::new(())));
        }
        Poll::Pending
    }
}

pub(crate) fn client() -> Step {
    called(service_fn(answer))
}

pub(crate) fn breaker() -> Step {
    called(BreakerLayer::default().layer(service_fn(answer)))
}

pub(crate) fn breaker_off() -> Step {
    called(BreakerLayer::off().layer(service_fn(answer)))
}

pub(crate) fn client_waits() -> Step {
    called(service_fn(waits))
}

pub(crate) fn breaker_waits() -> Step {
    called(BreakerLayer::default().layer(service_fn(waits)))
}

#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
pub(crate) fn outbound() -> Step {
    let outbound = Outbound::new().build().expect("the defaults are right");
    called(outbound.layer(service_fn(answer)))
}

/// The breaker of tower-resilience, one for all upstreams.
#[expect(
    clippy::expect_used,
    reason = "a stack that can't be built gives no number"
)]
pub(crate) fn peer() -> Step {
    let layer = CircuitBreakerLayer::builder().build();
    let layer = layer.expect("the defaults are right");
    called(layer.layer(service_fn(answer)))
}

fn answer(_: Request<()>) -> Ready<Answer> {
    ready(Ok(Response::new(())))
}

fn waits(_: Request<()>) -> Waits {
    Waits(false)
}

/// Calls until there is an answer; all of them answer at the second poll at the latest.
fn called<S>(mut service: S) -> Step
where
    S: Service<Request<()>, Response = Response<()>> + 'static,
{
    let uri = Uri::from_static("https://api.example:8443/v1/orders");
    Box::new(move || {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = service.poll_ready(&mut cx);
        let mut call = pin!(service.call(request));
        let mut polled = call.as_mut().poll(&mut cx);
        if polled.is_pending() {
            polled = call.poll(&mut cx);
        }
        black_box(&polled);
    })
}
