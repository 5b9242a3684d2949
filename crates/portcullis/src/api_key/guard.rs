use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use http::{HeaderValue, header::WWW_AUTHENTICATE, request};
use portcullis_core::{
    AuthScheme, BoxError, Cause, Facts, Guard, Reason, Rejection, RejectionKind, Reply, Verdict,
    WallClock,
};

use super::{KeyDigest, KeyRecord, KeyStore, Lookup, credentials, key};

/// Admits requests that carry a known API key. See the [module docs](super).
#[derive(Clone)]
pub struct ApiKeyGuard {
    store: Arc<dyn KeyStore>,
    clock: WallClock,
}

/// What was presented, without its secret.
struct Presented<'i> {
    id: &'i str,
    digest: KeyDigest,
    /// In seconds since 1970.
    now: u64,
}

// ===== impl ApiKeyGuard =====

impl ApiKeyGuard {
    /// Creates a guard that looks keys up in `store`.
    pub fn new(store: impl KeyStore) -> Self {
        Self {
            store: Arc::new(store),
            clock: WallClock::system(),
        }
    }

    /// Sets by which date secrets open and expire: the system's, unless a test has its own.
    #[must_use]
    pub fn with_clock(self, clock: impl Into<WallClock>) -> Self {
        Self {
            clock: clock.into(),
            ..self
        }
    }
}

impl Guard for ApiKeyGuard {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let parts = match credentials::find(&head.headers).map(key::split) {
            Ok(Ok(parts)) => parts,
            Ok(Err(_)) => return refuse(Reason::Malformed, None).into(),
            Err(reason) => return refuse(reason, None).into(),
        };
        let presented = Presented {
            id: parts.id,
            digest: self.store.hasher().digest(parts.secret),
            now: self.clock.unix(),
        };
        match self.store.find(parts.id) {
            Lookup::Known(record) => {
                let judged = presented.judge(record.as_ref());
                admit(judged, head)
            }
            Lookup::Wait(lookup) => {
                let (id, presented) = (parts.id.to_owned(), presented.digest);
                let clock = self.clock.clone();
                Verdict::defer(lookup, move |found, head, _| {
                    let presented = Presented {
                        id: &id,
                        digest: presented,
                        now: clock.unix(),
                    };
                    on_answer(found, &presented, head)
                })
            }
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        credentials::hide(&mut head.headers);
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        vec![CHALLENGE]
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

// ===== impl Presented =====

impl Presented<'_> {
    /// Compares in constant time, and compares as much when there is nothing to compare with.
    #[inline]
    fn judge(&self, record: Option<&KeyRecord>) -> Result<KeyRecord, Rejection> {
        let record = record.unwrap_or(&NOBODY);
        match record.judge(&self.digest, self.now) {
            Ok(_) => Ok(record.clone().of(self.id)),
            Err(reason) => Err(refuse(reason, Some(self.id))),
        }
    }
}

#[inline]
fn admit(judged: Result<KeyRecord, Rejection>, head: &mut request::Parts) -> Verdict {
    match judged {
        Ok(record) => {
            credentials::hide(&mut head.headers);
            Facts::of_mut(&mut head.extensions).set(record.principal().clone());
            Verdict::Admit
        }
        Err(rejection) => rejection.into(),
    }
}

/// Judges by what a store answered. A store that is down opens no door.
fn on_answer(
    found: Result<Option<KeyRecord>, BoxError>,
    presented: &Presented<'_>,
    head: &mut request::Parts,
) -> Verdict {
    match found {
        Ok(record) => admit(presented.judge(record.as_ref()), head),
        Err(error) => {
            tracing::warn!(target: "portcullis", error, "the key store failed");
            let cause = Cause::new(AuthScheme::ApiKey, Reason::Unavailable);
            Rejection::new(RejectionKind::Unavailable)
                .with_layer("api_key")
                .with_cause(cause.with_subject(presented.id))
                .into()
        }
    }
}

fn refuse(reason: Reason, id: Option<&str>) -> Rejection {
    let cause = Cause::new(AuthScheme::ApiKey, reason);
    let cause = match id {
        Some(id) => cause.with_subject(id),
        None => cause,
    };
    Rejection::new(RejectionKind::Unauthenticated)
        .with_layer("api_key")
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
        .with_cause(cause)
}

static NOBODY: LazyLock<KeyRecord> = LazyLock::new(KeyRecord::nobody);

/// A bearer token is wanted; nothing of what was wrong (RFC 6750, section 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"api\"");
