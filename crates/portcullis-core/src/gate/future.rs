use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Guard, Permit};
use crate::{Rejection, Respond, refuse};

pin_project! {
    /// Response future for [`Gate`](super::Gate).
    pub struct ResponseFuture<S, G, R, B>
    where
        S: Service<Request<B>>,
        G: Guard,
    {
        #[pin]
        state: State<G::Future, S::Future, G::Permit, Held<S, B>>,
        respond: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<V, F, P, H> {
        // Boxed: the future must be small where nothing is deferred.
        Deferred { #[pin] verdict: V, held: Option<Box<H>> },
        Inside { #[pin] future: F, permit: P },
        Rejected { rejection: Option<Rejection> },
    }
}

/// What waits for a deferred verdict.
struct Held<S, B> {
    ready: S,
    head: request::Parts,
    body: B,
}

// ===== impl ResponseFuture =====

impl<S, G, R, B> ResponseFuture<S, G, R, B>
where
    S: Service<Request<B>>,
    G: Guard,
{
    #[inline]
    pub(super) fn inside(
        inner: &mut S,
        head: request::Parts,
        body: B,
        permit: G::Permit,
        respond: R,
    ) -> Self {
        let state = State::enter(inner, head, body, permit);
        Self { state, respond }
    }

    #[inline]
    pub(super) fn deferred(
        verdict: G::Future,
        ready: S,
        head: request::Parts,
        body: B,
        respond: R,
    ) -> Self {
        let held = Some(Box::new(Held { ready, head, body }));
        let state = State::Deferred { verdict, held };
        Self { state, respond }
    }

    pub(super) const fn rejected(rejection: Rejection, respond: R) -> Self {
        let rejection = Some(rejection);
        let state = State::Rejected { rejection };
        Self { state, respond }
    }
}

impl<S, G, R, ReqBody, ResBody> Future for ResponseFuture<S, G, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    G: Guard,
    R: Respond<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    #[inline]
    #[expect(clippy::expect_used, reason = "a future is polled until it is ready")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Deferred { verdict, held } => {
                    let verdict = ready!(verdict.poll(cx));
                    held.take().expect("polled after ready").judged(verdict)
                }
                StateProj::Inside { future, permit } => {
                    let (mut head, body) = ready!(future.poll(cx))?.into_parts();
                    permit.on_response(&mut head);
                    return Poll::Ready(Ok(Response::from_parts(head, body)));
                }
                StateProj::Rejected { rejection } => {
                    let rejection = rejection.take().expect("polled after ready");
                    return Poll::Ready(Ok(refuse(this.respond, rejection)));
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, G, R, B> fmt::Debug for ResponseFuture<S, G, R, B>
where
    S: Service<Request<B>>,
    G: Guard,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

// ===== impl State =====

impl<V, F, P, H> State<V, F, P, H>
where
    P: Permit,
{
    fn enter<S, B>(inner: &mut S, mut head: request::Parts, body: B, mut permit: P) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        permit.on_request(&mut head);
        Self::Inside {
            future: inner.call(Request::from_parts(head, body)),
            permit,
        }
    }
}

// ===== impl Held =====

impl<S, B> Held<S, B>
where
    S: Service<Request<B>>,
{
    fn judged<V, P>(mut self, verdict: Result<P, Rejection>) -> State<V, S::Future, P, Self>
    where
        P: Permit,
    {
        match verdict {
            Ok(permit) => State::enter(&mut self.ready, self.head, self.body, permit),
            Err(rejection) => State::Rejected {
                rejection: Some(rejection.about(&self.head)),
            },
        }
    }
}
