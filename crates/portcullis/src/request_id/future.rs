use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderName, Response};
use pin_project_lite::pin_project;
use portcullis_core::RequestId;
use tracing::Span;

pin_project! {
    /// Response future for [`SetRequestId`](super::SetRequestId).
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        name: Option<(HeaderName, RequestId)>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, header: HeaderName, id: RequestId, span: Span) -> Self {
        let name = Some((header, id));
        Self { inner, span, name }
    }

    pub(super) const fn off(inner: F) -> Self {
        Self {
            inner,
            span: Span::none(),
            name: None,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.span.in_scope(|| this.inner.poll(cx)))?;
        if let Some((header, id)) = this.name.take() {
            response.headers_mut().insert(header, id.to_header_value());
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
