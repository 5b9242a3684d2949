use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::{CspNonce, Facts, Scheme};
use tower_service::Service;

use super::{ResponseFuture, SecureHeadersLayer, layer::Profile, nonce};

/// Middleware that adds security headers to every response. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct SecureHeaders<S> {
    inner: S,
    layer: SecureHeadersLayer,
}

impl<S> SecureHeaders<S> {
    #[inline]
    pub(super) const fn new(inner: S, layer: SecureHeadersLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SecureHeaders<S>
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
        let nonce = (self.layer.profile == Profile::Html).then(|| set_nonce(&mut req));
        let is_https = Facts::of(req.extensions()).get() == Some(&Scheme::Https);
        ResponseFuture {
            inner: self.inner.call(req),
            headers: self.layer.headers.clone(),
            is_on: self.layer.profile != Profile::Off,
            is_https,
            nonce,
        }
    }
}

fn set_nonce<B>(req: &mut Request<B>) -> CspNonce {
    let nonce = nonce::generate();
    Facts::of_mut(req.extensions_mut()).set(nonce.clone());
    nonce
}
