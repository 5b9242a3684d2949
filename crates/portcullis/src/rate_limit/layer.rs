use portcullis_core::{Gate, GateLayer, ProblemJson, Quota};
use tower_layer::Layer;

use super::{HeaderDraft, RateLimit};

/// Limits how often an address may send requests. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct RateLimitLayer<R = ProblemJson> {
    gate: GateLayer<Option<RateLimit>, R>,
    quota: Option<Quota>,
    max_keys: usize,
    headers: Option<HeaderDraft>,
}

impl RateLimitLayer {
    /// Creates a layer that gives each address `quota`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::made(Some(quota), MAX_KEYS, Some(HeaderDraft::V10))
    }

    /// Creates a layer that limits nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::made(None, MAX_KEYS, None)
    }

    /// Keeps at most this many addresses, rounded up to a power of two. 19 bytes each.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        Self::made(self.quota, max_keys, self.headers)
    }

    /// Chooses the draft of the `RateLimit` fields; `None` leaves them out.
    #[must_use]
    pub fn headers(self, headers: Option<HeaderDraft>) -> Self {
        Self::made(self.quota, self.max_keys, headers)
    }

    fn made(quota: Option<Quota>, max_keys: usize, headers: Option<HeaderDraft>) -> Self {
        let guard = quota.map(|quota| RateLimit::with(quota, max_keys, headers));
        Self {
            gate: GateLayer::new(guard),
            quota,
            max_keys,
            headers,
        }
    }
}

impl<R> RateLimitLayer<R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> RateLimitLayer<T> {
        RateLimitLayer {
            gate: self.gate.respond_with(respond),
            quota: self.quota,
            max_keys: self.max_keys,
            headers: self.headers,
        }
    }

    /// The guard, for use in an [`Edge`](crate::Edge), unless the layer is off.
    #[must_use]
    pub fn guard(&self) -> Option<RateLimit> {
        self.gate.guard().clone()
    }
}

impl Default for RateLimitLayer {
    /// 10 requests/s, burst 10.
    fn default() -> Self {
        Self::new(Quota::per_second(10))
    }
}

impl<S, R> Layer<S> for RateLimitLayer<R>
where
    R: Clone,
{
    type Service = Gate<S, Option<RateLimit>, R>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        self.gate.layer(inner)
    }
}

pub(super) const MAX_KEYS: usize = 1 << 16;
