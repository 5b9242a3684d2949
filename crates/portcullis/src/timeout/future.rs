use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::{Rejection, RejectionKind, RequestId, Respond, refuse};
use tokio::time::{Instant, Sleep, sleep_until};

use super::TimeoutLayer;

pin_project! {
    /// Response future for [`Timeout`](super::Timeout).
    pub struct ResponseFuture<F, R> {
        #[pin]
        inner: F,
        deadline: Option<Instant>,
        // Armed only when the first poll was not enough; boxed, as the future is moved before.
        sleep: Option<Pin<Box<Sleep>>>,
        kind: RejectionKind,
        request_id: Option<RequestId>,
        respond: R,
    }
}

impl<F, R> ResponseFuture<F, R> {
    #[inline]
    pub(super) fn new(
        inner: F,
        deadline: Option<Instant>,
        request_id: Option<RequestId>,
        layer: &TimeoutLayer<R>,
    ) -> Self
    where
        R: Clone,
    {
        Self {
            inner,
            deadline,
            sleep: None,
            kind: layer.kind(),
            request_id,
            respond: layer.respond().clone(),
        }
    }
}

impl<F, R, B, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Respond<B>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.inner.poll(cx) {
            return Poll::Ready(result);
        }
        if let Some(deadline) = this.deadline.take() {
            *this.sleep = Some(Box::pin(sleep_until(deadline)));
        }
        let Some(sleep) = this.sleep else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(cx));
        let rejection = Rejection::new(*this.kind).request_id(this.request_id.take());
        Poll::Ready(Ok(refuse(this.respond, rejection)))
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
