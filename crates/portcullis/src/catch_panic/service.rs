use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use portcullis_core::{BoxError, Facts, ProblemJson, Respond};
use tower_service::Service;

use super::{GuardedBody, ResponseFuture, caught::catch};

/// Middleware that turns panics into responses. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct CatchPanic<S, R = ProblemJson> {
    inner: S,
    on: bool,
    respond: R,
}

impl<S, R> CatchPanic<S, R> {
    #[inline]
    pub(super) const fn new(inner: S, on: bool, respond: R) -> Self {
        Self { inner, on, respond }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for CatchPanic<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Respond<ResBody>,
    ResBody: Body<Error: Into<BoxError>>,
{
    type Response = Response<GuardedBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        if !self.on {
            return ResponseFuture::off(self.inner.call(req), self.respond.clone());
        }
        let request_id = Facts::of(req.extensions()).get().cloned();
        let inner = catch(|| self.inner.call(req));
        ResponseFuture::new(inner, request_id, self.respond.clone())
    }
}
