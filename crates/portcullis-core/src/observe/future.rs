use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{ObservedBody, Outcome, Watch, record::Record};

pin_project! {
    /// Response future for [`Observe`](super::Observe).
    pub struct ResponseFuture<F, W: Watch> {
        #[pin]
        inner: F,
        record: Option<Record<W>>,
    }
}

impl<F, W: Watch> ResponseFuture<F, W> {
    #[inline]
    pub(super) const fn new(inner: F, record: Record<W>) -> Self {
        Self {
            inner,
            record: Some(record),
        }
    }
}

impl<F, W, B, E> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<Response<B>, E>>,
    W: Watch,
    B: Body,
{
    type Output = Result<Response<ObservedBody<B, W>>, E>;

    #[inline]
    #[expect(clippy::expect_used, reason = "a future is polled until it is ready")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let record = this.record.as_mut().expect("polled after ready");
        let result = ready!(record.scope(|| this.inner.poll(cx)));

        let mut record = this.record.take().expect("still there");
        Poll::Ready(match result {
            Ok(response) => {
                record.on_head(&response);
                Ok(response.map(|body| ObservedBody::new(body, record)))
            }
            Err(error) => {
                record.end(Outcome::Failed);
                Err(error)
            }
        })
    }
}

impl<F, W: Watch> fmt::Debug for ResponseFuture<F, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
