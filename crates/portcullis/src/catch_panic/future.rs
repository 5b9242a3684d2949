use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::{Rejection, RejectionKind, RequestId, Respond, refuse};

use super::{
    GuardedBody,
    caught::{Caught, catch},
};

pin_project! {
    /// Response future for [`CatchPanic`](super::CatchPanic).
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F>,
        request_id: Option<RequestId>,
        respond: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Off { #[pin] inner: F },
        Inside { #[pin] inner: F },
        Panicked { caught: Caught },
    }
}

impl<F, R> ResponseFuture<F, R> {
    #[inline]
    pub(super) fn new(inner: Result<F, Caught>, request_id: Option<RequestId>, respond: R) -> Self {
        let state = match inner {
            Ok(inner) => State::Inside { inner },
            Err(caught) => State::Panicked { caught },
        };
        Self {
            state,
            request_id,
            respond,
        }
    }

    #[inline]
    pub(super) const fn off(inner: F, respond: R) -> Self {
        Self {
            state: State::Off { inner },
            request_id: None,
            respond,
        }
    }
}

impl<F, R, B, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Respond<B>,
{
    type Output = Result<Response<GuardedBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let caught = match this.state.project() {
            StateProj::Off { inner } => {
                let respond = |response: Response<B>| response.map(GuardedBody::off);
                return inner.poll(cx).map_ok(respond);
            }
            StateProj::Inside { inner } => match catch(|| inner.poll(cx)) {
                Ok(polled) => {
                    let id = this.request_id;
                    let guard = |body| GuardedBody::new(body, id.take());
                    return polled.map_ok(|response| response.map(guard));
                }
                Err(caught) => caught,
            },
            StateProj::Panicked { caught } => std::mem::take(caught),
        };
        caught.log(this.request_id.as_ref());
        let rejection = Rejection::new(RejectionKind::Panicked);
        let response = refuse(this.respond, rejection.request_id(this.request_id.take()));
        Poll::Ready(Ok(response.map(GuardedBody::off)))
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
