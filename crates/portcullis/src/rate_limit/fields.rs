//! The `RateLimit` and `RateLimit-Policy` fields.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use portcullis_core::Quota;

/// Which draft of draft-ietf-httpapi-ratelimit-headers the fields follow.
///
/// The wire form changed in drafts 3, 6, 7 and 8, so the number is part of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderDraft {
    /// Draft 10.
    V10,
}

/// Field values, made once.
pub(super) struct Fields {
    policy: Option<HeaderValue>,
    /// By what is left. Large bursts are written when they are needed.
    left: Box<[HeaderValue]>,
    interval: u64,
    /// By the seconds to wait: the usual ones.
    waits: Box<[HeaderValue]>,
}

impl Fields {
    #[inline]
    pub(super) fn new(quota: Quota, draft: Option<HeaderDraft>) -> Self {
        let (burst, interval) = (quota.max_burst(), quota.refill_interval());
        let known = draft.map_or(0, |_| burst.saturating_add(1).min(MOST_KNOWN));
        let interval_seconds = ceil(interval);
        Self {
            policy: draft.map(|_| policy(burst, ceil(interval.saturating_mul(burst)))),
            left: (0..known)
                .map(|left| limit(left, interval_seconds))
                .collect(),
            interval: interval_seconds,
            waits: (0..=MOST_WAITS).map(|wait| limit(0, wait)).collect(),
        }
    }

    /// The fields of a request that was served, with what is left.
    pub(super) fn served(&self, left: u32) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let known = self.left.get(left as usize).cloned();
        self.with_policy(known.unwrap_or_else(|| limit(left, self.interval)))
    }

    /// The fields of a request that was refused, with the time to wait.
    pub(super) fn refused(&self, wait: u64) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let known = self.waits.get(wait as usize).cloned();
        self.with_policy(known.unwrap_or_else(|| limit(0, wait)))
    }

    fn with_policy(&self, limit: HeaderValue) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let policy = self.policy.clone();
        let both = policy.map(|policy| [(RATELIMIT_POLICY, policy), (RATELIMIT, limit)]);
        both.into_iter().flatten()
    }
}

/// Whole seconds, rounded up, at least one.
fn ceil(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

fn policy(burst: u32, window: u64) -> HeaderValue {
    value(format!("\"{POLICY}\";q={burst};w={window}"))
}

fn limit(left: u32, seconds: u64) -> HeaderValue {
    value(format!("\"{POLICY}\";r={left};t={seconds}"))
}

fn value(text: String) -> HeaderValue {
    // A name without escapes, and numbers: always visible ASCII.
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
}

/// The policy's name.
pub(super) const POLICY: &str = "default";

const MOST_KNOWN: u32 = 1024;
const MOST_WAITS: u64 = 60;
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
