use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::RequestId;
use tracing::Span;

use super::{layer::Header, scope::scope};

pin_project! {
    /// Response future for [`SetRequestId`](super::SetRequestId).
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        name: Option<(Header, RequestId)>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(inner: F, header: Header, id: RequestId, span: Span) -> Self {
        let name = Some((header, id));
        Self { inner, span, name }
    }

    #[inline]
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

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(scope(this.span, || this.inner.poll(cx)))?;
        let named = this.name.take();
        if let Some((name, id)) = named.as_ref().and_then(|(h, id)| Some((h.name()?, id))) {
            response.headers_mut().insert(name, id.to_header_value());
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
