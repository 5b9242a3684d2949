use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Breaker, permit::Permit};
use crate::outbound::{CallError, Open};

/// Refuses calls of upstreams that fail. See the [module docs](crate::outbound) for an example.
#[derive(Clone, Debug)]
pub struct BreakerLayer(Option<Breaker>);

/// Service of [`BreakerLayer`].
#[derive(Clone, Debug)]
pub struct BreakerService<S> {
    inner: S,
    breaker: Option<Breaker>,
}

pin_project! {
    /// Response future of [`BreakerService`].
    #[derive(Debug)]
    pub struct BreakerFuture<F> {
        #[pin]
        state: Call<F>,
    }
}

pin_project! {
    #[project = CallProjected]
    #[derive(Debug)]
    enum Call<F> {
        Refused {
            open: Open,
        },
        Called {
            permit: Option<Permit>,
            #[pin]
            future: F,
        },
    }
}

// ===== impl BreakerLayer =====

impl BreakerLayer {
    /// Creates a layer around a breaker, which every service of the layer shares.
    #[must_use]
    pub const fn new(breaker: Breaker) -> Self {
        Self(Some(breaker))
    }

    /// Creates a layer that refuses nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Returns the breaker, unless it is off.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Breaker> {
        self.0.as_ref()
    }
}

/// A breaker with the default configuration.
impl Default for BreakerLayer {
    fn default() -> Self {
        Self::new(Breaker::new())
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = BreakerService<S>;

    fn layer(&self, inner: S) -> BreakerService<S> {
        BreakerService {
            inner,
            breaker: self.0.clone(),
        }
    }
}

// ===== impl BreakerService =====

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for BreakerService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = BreakerFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    #[inline]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let admitted = match &self.breaker {
            Some(breaker) => breaker.admit(&mut request),
            None => Ok(None),
        };
        // One expression for each way: a future is large, and not moved for nothing.
        match admitted {
            Ok(permit) => BreakerFuture {
                state: Call::Called {
                    permit,
                    future: self.inner.call(request),
                },
            },
            Err(open) => BreakerFuture {
                state: Call::Refused { open },
            },
        }
    }
}

// ===== impl BreakerFuture =====

impl<F, B, E> Future for BreakerFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            CallProjected::Refused { open } => Poll::Ready(Err(CallError::Open(*open))),
            CallProjected::Called { permit, future } => match future.poll(cx) {
                Poll::Ready(Ok(response)) => {
                    if let Some(permit) = permit.take() {
                        permit.judge(&response);
                    }
                    Poll::Ready(Ok(response))
                }
                Poll::Ready(Err(error)) => {
                    if let Some(permit) = permit.take() {
                        permit.failed();
                    }
                    Poll::Ready(Err(CallError::Inner(error)))
                }
                Poll::Pending => {
                    permit.iter_mut().for_each(Permit::waits);
                    Poll::Pending
                }
            },
        }
    }
}
