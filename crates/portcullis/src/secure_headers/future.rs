use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{self, Entry},
};
use pin_project_lite::pin_project;
use portcullis_core::CspNonce;

use super::{layer::Headers, nonce, profile::HSTS};

pin_project! {
    /// Response future for [`SecureHeaders`](super::SecureHeaders).
    pub struct ResponseFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) headers: Headers,
        pub(super) is_on: bool,
        pub(super) is_https: bool,
        pub(super) nonce: Option<CspNonce>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if *this.is_on {
            let policy = this.nonce.as_ref();
            let policy = policy.and_then(|nonce| nonce::policy(nonce, *this.is_https));
            let hsts = this.is_https.then_some(HSTS);
            complete(
                response.headers_mut(),
                this.headers.as_slice(),
                policy,
                hsts,
            );
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Adds what the handler did not set itself, and removes what tells too much.
fn complete(
    response: &mut HeaderMap,
    headers: &[(HeaderName, HeaderValue)],
    policy: Option<HeaderValue>,
    hsts: Option<HeaderValue>,
) {
    let own = usize::from(policy.is_some()) + usize::from(hsts.is_some());
    response.reserve(headers.len() + own + ROOM);
    for (name, value) in headers {
        add(response, name, || value.clone());
    }
    if let Some(policy) = policy {
        add(response, &header::CONTENT_SECURITY_POLICY, || policy);
    }
    if let Some(hsts) = hsts {
        add(response, &header::STRICT_TRANSPORT_SECURITY, || hsts);
    }
    response.remove(&header::SERVER);
    response.remove(&X_POWERED_BY);
}

fn add(response: &mut HeaderMap, name: &HeaderName, value: impl FnOnce() -> HeaderValue) {
    if let Entry::Vacant(entry) = response.entry(name) {
        entry.insert(value());
    }
}

static X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");

/// For the request ID and the server's `content-length`, so that the map grows once.
const ROOM: usize = 2;
