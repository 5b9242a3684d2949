use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::ResponseBody;
use crate::{Facts, Held};

/// Applies [`WrapBody`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BodyLayer;

/// Middleware that wraps response bodies in [`ResponseBody`], which keeps what layers above
/// [hold](Facts::hold) to its end.
#[derive(Clone, Copy, Debug)]
pub struct WrapBody<S> {
    inner: S,
}

pin_project! {
    /// Response future for [`WrapBody`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        held: Vec<Held>,
    }
}

// ===== impl BodyLayer =====

impl BodyLayer {
    /// Creates a layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for BodyLayer {
    type Service = WrapBody<S>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        WrapBody { inner }
    }
}

// ===== impl WrapBody =====

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for WrapBody<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<ReqBody>) -> Self::Future {
        let held = Facts::take_held(req.extensions_mut());
        ResponseFuture {
            inner: self.inner.call(req),
            held,
        }
    }
}

// ===== impl ResponseFuture =====

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let held = mem::take(this.held);
        Poll::Ready(Ok(response.map(|body| ResponseBody::holding(body, held))))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
