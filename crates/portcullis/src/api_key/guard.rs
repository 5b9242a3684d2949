use std::{fmt, sync::Arc};

use http::{HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, BoxError, Cause, Facts, Guard, Reason, Rejection, RejectionKind, Reply, Verdict,
};
use subtle::ConstantTimeEq;

use super::{KeyDigest, KeyRecord, KeyStore, Lookup, credentials, key};

/// Admits requests that carry a known API key. See the [module docs](super).
#[derive(Clone)]
pub struct ApiKeyGuard {
    store: Arc<dyn KeyStore>,
}

// ===== impl ApiKeyGuard =====

impl ApiKeyGuard {
    /// Creates a guard that looks keys up in `store`.
    pub fn new(store: impl KeyStore) -> Self {
        Self {
            store: Arc::new(store),
        }
    }
}

impl Guard for ApiKeyGuard {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let text = match credentials::find(&head.headers) {
            Ok(text) => text,
            Err(reason) => return unauthenticated(reason).into(),
        };
        // What is no key costs the same work, and is not worth hashing at length.
        let (lookup, secret) = match key::split(text) {
            Ok(parts) => (self.store.find(parts.id), parts.secret),
            Err(_) => (Lookup::Known(None), &b""[..]),
        };
        let presented = KeyDigest::from_secret(secret);
        match lookup {
            Lookup::Known(record) => judge(record, &presented, head),
            Lookup::Wait(lookup) => Verdict::defer(lookup, move |found, head, _| {
                on_answer(found, &presented, head)
            }),
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers);
    }

    fn describe(&self) -> String {
        "API key".to_owned()
    }
}

impl fmt::Debug for ApiKeyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyGuard").finish_non_exhaustive()
    }
}

/// Judges by what a store answered. A store that is down opens no door.
fn on_answer(
    found: Result<Option<KeyRecord>, BoxError>,
    presented: &KeyDigest,
    head: &mut request::Parts,
) -> Verdict {
    match found {
        Ok(record) => judge(record, presented, head),
        Err(error) => {
            tracing::warn!(target: "portcullis", error, "the key store failed");
            RejectionKind::Unavailable.into()
        }
    }
}

/// Compares in constant time, and compares something also when there is nothing to compare with.
#[inline]
fn judge(record: Option<KeyRecord>, presented: &KeyDigest, head: &mut request::Parts) -> Verdict {
    let stored = record
        .as_ref()
        .map_or(&KeyDigest::NONE, |record| &record.digest);
    let is_right = bool::from(stored.ct_eq(presented));
    match record.filter(|_| is_right) {
        Some(KeyRecord { principal, .. }) => {
            credentials::hide(&mut head.headers);
            Facts::of_mut(&mut head.extensions).set(principal);
            Verdict::Admit
        }
        None => unauthenticated(Reason::WrongSecret).into(),
    }
}

fn unauthenticated(reason: Reason) -> Rejection {
    Rejection::new(RejectionKind::Unauthenticated)
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
        .with_cause(Cause::new(AuthScheme::ApiKey, reason))
}

/// A bearer token is wanted; nothing of what was wrong (RFC 6750, section 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"api\"");
