use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::CallError;

/// Merges the two [`CallError`]s that stacked layers have.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FlattenLayer;

/// Service of [`FlattenLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Flatten<S> {
    inner: S,
}

pin_project! {
    /// Response future of [`Flatten`].
    #[derive(Debug)]
    pub struct FlattenFuture<F> {
        #[pin]
        inner: F,
    }
}

// ===== impl FlattenLayer =====

impl FlattenLayer {
    /// Creates the layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for FlattenLayer {
    type Service = Flatten<S>;

    fn layer(&self, inner: S) -> Flatten<S> {
        Flatten { inner }
    }
}

// ===== impl Flatten =====

impl<S, Req, E> Service<Req> for Flatten<S>
where
    S: Service<Req, Error = CallError<CallError<E>>>,
{
    type Response = S::Response;
    type Error = CallError<E>;
    type Future = FlattenFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::flatten)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        FlattenFuture {
            inner: self.inner.call(req),
        }
    }
}

// ===== impl FlattenFuture =====

impl<F, T, E> Future for FlattenFuture<F>
where
    F: Future<Output = Result<T, CallError<CallError<E>>>>,
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.project().inner.poll(cx));
        Poll::Ready(result.map_err(CallError::flatten))
    }
}
