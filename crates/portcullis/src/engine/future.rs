use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{
    Content, ResponseBodies, Wrapped,
    passage::Passage,
    scopes::in_scopes,
    step::{Step, StepProj},
};

pin_project! {
    /// Response future for [`EdgeService`](super::EdgeService).
    pub struct EdgeFuture<F, M = Wrapped> {
        #[pin]
        pub(super) step: Step<F>,
        pub(super) passage: Option<Box<Passage>>,
        bodies: PhantomData<fn() -> M>,
    }

    /// What the application drops may log, too.
    impl<F, M> PinnedDrop for EdgeFuture<F, M> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let passage = this.passage.as_mut();
            if let Some(passage) = passage.filter(|passage| passage.reply.has_scopes()) {
                let mut scopes = passage.reply.take_scopes();
                in_scopes(&mut scopes, || this.step.set(Step::answered()));
            }
        }
    }
}

// ===== impl EdgeFuture =====

impl<F, M> EdgeFuture<F, M> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            step: Step::answered(),
            passage: None,
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
            let next = match this.step.as_mut().project() {
                StepProj::Run { future } => {
                    break ready!(passage.poll_application(future, cx))?;
                }
                StepProj::Answer { response } => {
                    break response.take().expect("answered once").map(Content::answer);
                }
                StepProj::Wait { waiting } => ready!(passage.poll_waiting(waiting, cx)),
            };
            this.step.set(next);
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
