use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, header::WWW_AUTHENTICATE, request};
use pin_project_lite::pin_project;
use portcullis_core::{
    BoxError, Facts, Guard, Permit, Principal, Rejection, RejectionKind, Verdict,
};
use subtle::ConstantTimeEq;

use super::{
    IntoKeyStore, KeyDigest, KeyRecord, KeyStore, Lookup,
    credentials::{self, Source},
    key,
};

/// Admits requests that carry a known API key.
#[derive(Clone)]
pub struct ApiKeyGuard<K> {
    store: K,
}

/// Tells the application who sent the request.
#[derive(Debug)]
pub struct Authenticated {
    principal: Principal,
    source: Source,
}

pin_project! {
    /// Waits for a [`KeyStore`].
    pub struct AdmitFuture<F> {
        #[pin]
        lookup: F,
        presented: KeyDigest,
        source: Source,
    }
}

// ===== impl ApiKeyGuard =====

impl<K> ApiKeyGuard<K> {
    /// Creates a guard that looks keys up in `store`.
    pub fn new<Kind>(store: impl IntoKeyStore<Kind, Store = K>) -> Self {
        Self {
            store: store.into_key_store(),
        }
    }
}

impl<K> Guard for ApiKeyGuard<K>
where
    K: KeyStore,
{
    type Permit = Authenticated;
    type Future = AdmitFuture<K::Future>;

    #[inline]
    fn admit(&self, head: &request::Parts) -> Verdict<Authenticated, Self::Future> {
        let Some((source, text)) = credentials::find(&head.headers) else {
            return Verdict::Reject(unauthenticated());
        };
        // What is no key costs the same work, and is not worth hashing at length.
        let (lookup, secret) = match key::split(text) {
            Ok(parts) => (self.store.find(parts.id), parts.secret),
            Err(_) => (Lookup::Known(None), ""),
        };
        let presented = KeyDigest::of(secret);
        match lookup {
            Lookup::Known(record) => match judge(record, &presented, source) {
                Ok(permit) => Verdict::Admit(permit),
                Err(rejection) => Verdict::Reject(rejection),
            },
            Lookup::Wait(lookup) => Verdict::Defer(AdmitFuture {
                lookup,
                presented,
                source,
            }),
        }
    }

    fn describe(&self) -> String {
        "API key".to_owned()
    }
}

impl<K> fmt::Debug for ApiKeyGuard<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyGuard").finish_non_exhaustive()
    }
}

// ===== impl Authenticated =====

impl Permit for Authenticated {
    #[inline]
    fn on_request(&mut self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers, self.source);
        Facts::of_mut(&mut head.extensions).set(self.principal.clone());
    }
}

// ===== impl AdmitFuture =====

impl<F> Future for AdmitFuture<F>
where
    F: Future<Output = Result<Option<KeyRecord>, BoxError>>,
{
    type Output = Result<Authenticated, Rejection>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match ready!(this.lookup.poll(cx)) {
            Ok(record) => judge(record, this.presented, *this.source),
            Err(error) => {
                tracing::warn!(target: "portcullis", error, "the key store failed");
                Err(RejectionKind::Unavailable.into())
            }
        })
    }
}

impl<F> fmt::Debug for AdmitFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").finish_non_exhaustive()
    }
}

/// Compares in constant time, and compares something also when there is nothing to compare with.
fn judge(
    record: Option<KeyRecord>,
    presented: &KeyDigest,
    source: Source,
) -> Result<Authenticated, Rejection> {
    let stored = record
        .as_ref()
        .map_or(&KeyDigest::NONE, |record| &record.digest);
    let is_right = bool::from(stored.ct_eq(presented));
    match record.filter(|_| is_right) {
        Some(KeyRecord { principal, .. }) => Ok(Authenticated { principal, source }),
        None => Err(unauthenticated()),
    }
}

fn unauthenticated() -> Rejection {
    Rejection::new(RejectionKind::Unauthenticated).header(WWW_AUTHENTICATE, CHALLENGE)
}

/// Says that a bearer token is wanted and nothing of what was wrong (RFC 6750, section 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"api\"");
