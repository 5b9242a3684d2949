use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Health, report::Probe};

/// Middleware that answers `/health` and `/ready`. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct HealthService<S> {
    inner: S,
    health: Option<Arc<Health>>,
}

pin_project! {
    /// Response future for [`HealthService`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Probe { health: Arc<Health>, probe: Probe },
        Inside { #[pin] inner: F },
    }
}

// ===== impl HealthService =====

impl<S> HealthService<S> {
    #[inline]
    pub(super) const fn new(inner: S, health: Option<Arc<Health>>) -> Self {
        Self { inner, health }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HealthService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let health = self.health.as_ref();
        let probed = health.and_then(|health| Some((Arc::clone(health), Probe::of(&req)?)));
        let state = match probed {
            Some((health, probe)) => State::Probe { health, probe },
            None => State::Inside {
                inner: self.inner.call(req),
            },
        };
        ResponseFuture { state }
    }
}

// ===== impl ResponseFuture =====

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Probe { health, probe } => {
                health.start();
                Poll::Ready(Ok(probe.answer(health)))
            }
            StateProj::Inside { inner } => inner.poll(cx),
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
