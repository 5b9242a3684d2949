use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::{Deadline, Facts, ProblemJson, Respond};
use tokio::time::Instant;
use tower_service::Service;

use super::{ResponseFuture, TimeoutLayer};

/// Middleware that answers in place of a service that takes too long. See the
/// [module docs](super).
#[derive(Clone, Debug)]
pub struct Timeout<S, R = ProblemJson> {
    inner: S,
    layer: TimeoutLayer<R>,
}

impl<S, R> Timeout<S, R> {
    #[inline]
    pub(super) const fn new(inner: S, layer: TimeoutLayer<R>) -> Self {
        Self { inner, layer }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Timeout<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Respond<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<ReqBody>) -> Self::Future {
        let own = self.layer.after().and_then(|after| {
            // A limit beyond what a clock can hold is none.
            Instant::now().checked_add(after)
        });
        let Some(own) = own else {
            return ResponseFuture::new(self.inner.call(req), None, None, &self.layer);
        };
        let facts = Facts::of_mut(req.extensions_mut());
        let earlier = facts.get().map_or(own, |Deadline(at)| own.min(*at));
        facts.set(Deadline(earlier));
        let request_id = facts.get().cloned();
        let deadline = Some(own);
        ResponseFuture::new(self.inner.call(req), deadline, request_id, &self.layer)
    }
}
