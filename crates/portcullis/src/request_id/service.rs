use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use portcullis_core::{Facts, RequestId};
use tower_service::Service;

use super::{ResponseFuture, generate, layer::Header, scope::scope};

/// Middleware that names every request. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct SetRequestId<S> {
    inner: S,
    header: Header,
}

impl<S> SetRequestId<S> {
    #[inline]
    pub(super) const fn new(inner: S, header: Header) -> Self {
        Self { inner, header }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SetRequestId<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<ReqBody>) -> Self::Future {
        let Some(name) = self.header.name() else {
            return ResponseFuture::off(self.inner.call(req));
        };
        let id = kept(name, &req).unwrap_or_else(generate);
        Facts::of_mut(req.extensions_mut()).set(id.clone());
        let span = tracing::info_span!(target: "portcullis", "request", request_id = %id);
        let inner = scope(&span, || self.inner.call(req));
        ResponseFuture::new(inner, self.header.clone(), id, span)
    }
}

/// The ID that a trusted peer sent, if it is one.
fn kept<B>(header: &HeaderName, req: &Request<B>) -> Option<RequestId> {
    if !Facts::of(req.extensions()).is_peer_trusted() {
        return None;
    }
    let mut sent = req.headers().get_all(header).iter();
    match (sent.next(), sent.next()) {
        (Some(only), None) => RequestId::parse(only.as_bytes()).ok(),
        _ => None,
    }
}
