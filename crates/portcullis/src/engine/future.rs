use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use super::{
    Content, ResponseBodies, Wrapped,
    passage::Passage,
    step::{Step, Waiting},
};

pin_project! {
    /// Response future for [`EdgeService`](super::EdgeService).
    pub struct EdgeFuture<F, M = Wrapped> {
        #[pin]
        state: State<F>,
        passage: Option<Box<Passage>>,
        bodies: PhantomData<fn() -> M>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Inside { #[pin] future: F },
        Waiting { waiting: Option<Box<Waiting<F>>> },
        Answered { response: Option<Response<Bytes>> },
    }
}

// ===== impl EdgeFuture =====

impl<F, M> EdgeFuture<F, M> {
    #[inline]
    pub(super) fn new(passage: Box<Passage>, step: Step<F>) -> Self {
        Self {
            state: step.into(),
            passage: Some(passage),
            bodies: PhantomData,
        }
    }
}

impl<F, M, B, E> Future for EdgeFuture<F, M>
where
    F: Future<Output = Result<Response<B>, E>>,
    M: ResponseBodies<B>,
{
    type Output = Result<Response<M::Response>, E>;

    #[inline]
    #[expect(clippy::expect_used, reason = "a future is polled until it is ready")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let passage = this.passage.as_mut().expect("polled after ready");
        let response = loop {
            let next = match this.state.as_mut().project() {
                StateProj::Inside { future } => {
                    break ready!(passage.poll_application(future, cx))?;
                }
                StateProj::Answered { response } => {
                    break response.take().expect("answered once").map(Content::answer);
                }
                StateProj::Waiting { waiting } => ready!(passage.poll_waiting(waiting, cx)),
            };
            this.state.set(next.into());
        };
        let passage = this.passage.take().expect("still there");
        let (head, content, watched) = passage.finish(response);
        Poll::Ready(Ok(Response::from_parts(
            head,
            M::response(content, watched),
        )))
    }
}

impl<F, M> fmt::Debug for EdgeFuture<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeFuture").finish_non_exhaustive()
    }
}

// ===== impl State =====

impl<F> From<Step<F>> for State<F> {
    #[inline]
    fn from(step: Step<F>) -> Self {
        match step {
            Step::Run(future) => Self::Inside { future },
            Step::Wait(waiting) => Self::Waiting {
                waiting: Some(waiting),
            },
            Step::Answer(response) => Self::Answered {
                response: Some(response),
            },
        }
    }
}
