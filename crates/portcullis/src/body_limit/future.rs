use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::{Rejection, Respond, refuse};

pin_project! {
    /// Response future for [`BodyLimit`](super::BodyLimit).
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F>,
        respond: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Known { #[pin] inner: F },
        Counted { #[pin] inner: F, late: Option<Rejection>, tripped: Arc<AtomicBool> },
        Refused { rejection: Option<Rejection> },
    }
}

impl<F, R> ResponseFuture<F, R> {
    #[inline]
    pub(super) const fn known(inner: F, respond: R) -> Self {
        let state = State::Known { inner };
        Self { state, respond }
    }

    pub(super) const fn counted(
        inner: F,
        late: Rejection,
        tripped: Arc<AtomicBool>,
        respond: R,
    ) -> Self {
        let late = Some(late);
        let state = State::Counted {
            inner,
            late,
            tripped,
        };
        Self { state, respond }
    }

    pub(super) const fn refused(rejection: Rejection, respond: R) -> Self {
        let rejection = Some(rejection);
        let state = State::Refused { rejection };
        Self { state, respond }
    }
}

impl<F, R, B, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Respond<B>,
{
    type Output = F::Output;

    #[inline]
    #[expect(clippy::expect_used, reason = "a future is polled until it is ready")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let rejection = match this.state.project() {
            StateProj::Known { inner } => return inner.poll(cx),
            StateProj::Refused { rejection } => rejection,
            StateProj::Counted {
                inner,
                late,
                tripped,
            } => {
                // Whatever the service made of the error: the limit was passed.
                let polled = inner.poll(cx);
                match tripped.load(Ordering::Acquire) {
                    true => late,
                    false => return polled,
                }
            }
        };
        let rejection = rejection.take().expect("polled after ready");
        Poll::Ready(Ok(refuse(this.respond, rejection)))
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
