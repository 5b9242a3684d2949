//! Why a request was not served.

mod cause;
mod kind;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use smallvec::SmallVec;

pub use self::{
    cause::{Cause, Reason},
    kind::RejectionKind,
};
use crate::RequestId;

/// Why a request was not served.
///
/// Every layer that answers in place of the inner service attaches one to the response's
/// extensions, so that outer layers can audit and count it without parsing the body.
///
/// An opaque type, so that rejections can gain context without a breaking change; match on
/// [`kind`](Self::kind).
#[derive(Clone, PartialEq, Eq)]
pub struct Rejection(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: RejectionKind,
    layer: Option<&'static str>,
    cause: Option<Cause>,
    detail: Option<Cow<'static, str>>,
    headers: SmallVec<[(HeaderName, HeaderValue); 1]>,
    policies: Vec<Cow<'static, str>>,
    request_id: Option<RequestId>,
    retry_after: Option<Duration>,
}

// ===== impl Rejection =====

impl Rejection {
    /// Creates a rejection without further context.
    #[must_use]
    pub fn new(kind: RejectionKind) -> Self {
        Self(Arc::new(Inner {
            kind,
            layer: None,
            cause: None,
            detail: None,
            headers: SmallVec::new(),
            policies: Vec::new(),
            request_id: None,
            retry_after: None,
        }))
    }

    /// Sets what the client can do about it. Shown to the client: no internals.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner().detail = Some(detail.into());
        self
    }

    /// Sets which layer refuses, by a short name in snake case: `rate_limit`. For metrics and logs.
    #[must_use]
    pub fn with_layer(mut self, layer: &'static str) -> Self {
        self.inner().layer = Some(layer);
        self
    }

    /// Sets what it came of. Never shown to the client.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.inner().cause = Some(cause);
        self
    }

    /// Adds a header that the response must carry, whoever renders it.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner().headers.push((name, value));
        self
    }

    /// Adds a quota policy that was violated.
    #[must_use]
    pub fn with_violated_policy(mut self, policy: impl Into<Cow<'static, str>>) -> Self {
        self.inner().policies.push(policy.into());
        self
    }

    /// Sets when the client may come back. Sent in whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.inner().retry_after = Some(after);
        self
    }

    /// Sets the request that was refused.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<RequestId>) -> Self {
        if id.is_some() {
            self.inner().request_id = id;
        }
        self
    }

    /// Returns the category of rejection.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// Returns which layer refused, where it is known. What only an edge itself makes is told by the
    /// kind: `catch_panic`, `timeout`.
    #[must_use]
    pub fn layer(&self) -> Option<&'static str> {
        self.0.layer.or(match self.0.kind {
            RejectionKind::Panicked => Some("catch_panic"),
            RejectionKind::TimedOut
            | RejectionKind::GatewayTimedOut
            | RejectionKind::RequestTimedOut => Some("timeout"),
            _ => None,
        })
    }

    /// Returns what it came of, for whoever runs the server. Rejections of credentials have one.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.0.cause.as_ref()
    }

    /// Returns what the client can do about it.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns the ID of the request that was refused, if it has one.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.request_id.as_ref()
    }

    /// Returns after how many seconds the client may come back, if that is known: at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let whole = |after: Duration| after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.0.retry_after.map(|after| whole(after).max(1))
    }

    /// Returns the quota policies that were violated.
    #[must_use]
    pub fn violated_policies(&self) -> &[Cow<'static, str>] {
        &self.0.policies
    }

    /// Returns the headers that the response must carry.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    /// Copies nothing as long as nobody shares the rejection.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl From<RejectionKind> for Rejection {
    fn from(kind: RejectionKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().slug())
    }
}

impl std::error::Error for Rejection {}
