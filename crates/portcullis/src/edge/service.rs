use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_core::{
    BoxError, Gate, Guard, Observe, ObservedBody, Observer, Off, ProblemJson, Respond,
    ResponseBody, UnlessPublic, body::WrapBody,
};
use tower_service::Service;

use super::{
    EdgeLayer,
    plug::{DefaultLimit, InFlightGuard},
};
use crate::{
    body_limit::{BodyLimit, KeepWrapped, UnwrapBody},
    catch_panic::{CatchPanic, GuardedBody},
    client_ip::ResolveClientIp,
    health::HealthService,
    request_id::SetRequestId,
    secure_headers::SecureHeaders,
    timeout::Timeout,
};

/// What [`EdgeLayer`] makes of a service.
///
/// A clone shares everything, so it costs one `Arc`. It is not ready: `poll_ready` clones the inner
/// service from a template, and makes it ready; `call` builds the stack around it.
pub struct EdgeService<
    S,
    A = Off,
    L = DefaultLimit,
    O = (),
    R = ProblemJson,
    W = KeepWrapped,
    P = DefaultLimit,
> {
    shared: Arc<Shared<S, A, L, O, R, W, P>>,
    inner: Option<S>,
}

struct Shared<S, A, L, O, R, W, P> {
    layer: EdgeLayer<A, L, O, R, W, P>,
    template: S,
}

/// The body of an edge's responses, around the inner service's body.
pub type EdgeBody<B, W> = ObservedBody<GuardedBody<ResponseBody<B>>, W>;

pub(super) type Stack<S, A, L, O, R, W, P> =
    ResolveClientIp<SetRequestId<Observe<SecureHeaders<Guarded<S, A, L, R, W, P>>, O>>>;

type Guarded<S, A, L, R, W, P> =
    HealthService<CatchPanic<Timeout<Limited<S, A, L, R, W, P>, R>, R>>;

type Limited<S, A, L, R, W, P> = Gate<Capped<S, A, R, W, P>, Option<L>, R>;

type Capped<S, A, R, W, P> =
    Gate<HealthService<BodyLimit<Known<S, A, R, P>, R, W>>, InFlightGuard, R>;

type Known<S, A, R, P> = Gate<Gate<WrapBody<S>, Option<P>, R>, UnlessPublic<Option<A>>, R>;

// ===== impl EdgeService =====

impl<S, A, L, O, R, W, P> EdgeService<S, A, L, O, R, W, P> {
    #[inline]
    pub(super) fn new(layer: EdgeLayer<A, L, O, R, W, P>, template: S) -> Self {
        Self {
            shared: Arc::new(Shared { layer, template }),
            inner: None,
        }
    }
}

impl<S, A, L, O, R, W, P, ReqBody, ResBody> Service<Request<ReqBody>>
    for EdgeService<S, A, L, O, R, W, P>
where
    S: Service<Request<W::Body>, Response = Response<ResBody>> + Clone,
    A: Guard + Clone,
    L: Guard + Clone,
    P: Guard + Clone,
    O: Observer + Clone,
    R: Respond<ResponseBody<ResBody>>,
    W: UnwrapBody<ReqBody> + Clone,
    ReqBody: Body<Data: Send> + Send + 'static,
    ResBody: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Response = Response<EdgeBody<ResBody, O::Watch>>;
    type Error = S::Error;
    type Future = <Stack<S, A, L, O, R, W, P> as Service<Request<ReqBody>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let template = &self.shared.template;
        let inner = self.inner.get_or_insert_with(|| template.clone());
        inner.poll_ready(cx)
    }

    #[inline]
    #[expect(clippy::expect_used, reason = "a service is ready before it is called")]
    fn call(&mut self, req: Request<ReqBody>) -> Self::Future {
        let ready = self
            .inner
            .take()
            .expect("called a service that was not ready");
        self.shared.layer.stack(ready).call(req)
    }
}

impl<S, A, L, O, R, W, P> Clone for EdgeService<S, A, L, O, R, W, P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            inner: None,
        }
    }
}

impl<S, A, L, O, R, W, P> fmt::Debug for EdgeService<S, A, L, O, R, W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeService").finish_non_exhaustive()
    }
}
