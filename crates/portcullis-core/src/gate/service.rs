use std::{
    mem,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{Guard, ResponseFuture, Verdict};
use crate::{ProblemJson, Respond};

/// Middleware that lets a [`Guard`] judge every request. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct Gate<S, G, R = ProblemJson> {
    inner: S,
    guard: G,
    respond: R,
}

impl<S, G, R> Gate<S, G, R> {
    #[inline]
    pub(super) const fn new(inner: S, guard: G, respond: R) -> Self {
        Self {
            inner,
            guard,
            respond,
        }
    }
}

impl<S, G, R, ReqBody, ResBody> Service<Request<ReqBody>> for Gate<S, G, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    G: Guard,
    R: Respond<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, G, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let (head, body) = req.into_parts();
        let respond = self.respond.clone();
        match self.guard.admit(&head) {
            Verdict::Admit(permit) => {
                ResponseFuture::inside(&mut self.inner, head, body, permit, respond)
            }
            Verdict::Reject(rejection) => ResponseFuture::rejected(rejection.about(&head), respond),
            Verdict::Defer(verdict) => {
                // Keep the service that was ready, leave the clone that was not.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::deferred(verdict, ready, head, body, respond)
            }
        }
    }
}
