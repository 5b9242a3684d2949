use std::{fmt, future::Pending, sync::Arc, time::Duration};

use http::{request, response};
use portcullis_core::{Guard, Permit, Quota, Rejection, RejectionKind, Verdict};

use super::{
    fields::{HeaderDraft, POLICY},
    key::Key,
    limiter::Limiter,
};

/// Admits requests until their address has spent its quota. Clones share the counters.
#[derive(Clone)]
pub struct RateLimit {
    limiter: Arc<Limiter>,
}

/// One spent request. Tells the client what is left.
pub struct Spent {
    limiter: Arc<Limiter>,
    left: u32,
}

// ===== impl RateLimit =====

impl RateLimit {
    /// Creates a guard with the defaults of [`RateLimitLayer`](super::RateLimitLayer).
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::with(quota, super::layer::MAX_KEYS, Some(HeaderDraft::V10))
    }

    pub(super) fn with(quota: Quota, max_keys: usize, headers: Option<HeaderDraft>) -> Self {
        Self {
            limiter: Arc::new(Limiter::new(quota, max_keys, headers)),
        }
    }

    /// What each address may spend.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.limiter.quota
    }

    fn refuse(&self, wait: Duration) -> Rejection {
        let rejection = Rejection::new(RejectionKind::RateLimited)
            .violates(POLICY)
            .retry_after(wait);
        // The same seconds as in `Retry-After`.
        let seconds = rejection.retry_seconds().unwrap_or(1);
        let fields = self.limiter.fields.refused(seconds);
        fields.fold(rejection, |rejection, (name, value)| {
            rejection.header(name, value)
        })
    }
}

impl Guard for RateLimit {
    type Permit = Spent;
    type Future = Pending<Result<Spent, Rejection>>;

    #[inline]
    fn admit(&self, head: &request::Parts) -> Verdict<Spent, Self::Future> {
        match self.limiter.spend(Key::of(&head.extensions)) {
            Ok(left) => Verdict::Admit(Spent {
                limiter: Arc::clone(&self.limiter),
                left,
            }),
            Err(wait) => Verdict::Reject(self.refuse(wait)),
        }
    }

    fn describe(&self) -> String {
        format!("{} for each address", self.quota())
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quota", &self.quota())
            .finish_non_exhaustive()
    }
}

// ===== impl Spent =====

impl Permit for Spent {
    #[inline]
    fn on_response(&mut self, head: &mut response::Parts) {
        for (name, value) in self.limiter.fields.served(self.left) {
            head.headers.insert(name, value);
        }
    }
}

impl fmt::Debug for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spent")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
