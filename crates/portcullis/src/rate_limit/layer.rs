use portcullis_core::{ConfigError, Gate, GateLayer, ProblemJson, Quota};
use tower_layer::Layer;

use super::{HeaderDraft, Policy, RateLimit};

/// Limits how often clients may send requests. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct RateLimitLayer<R = ProblemJson> {
    gate: GateLayer<Option<RateLimit>, R>,
}

impl RateLimitLayer {
    /// Creates a layer that gives each client address `quota`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        RateLimit::new(quota).into()
    }

    /// Creates a layer that counts by several policies.
    ///
    /// # Errors
    ///
    /// Those of [`RateLimit::of`].
    pub fn of(policies: impl IntoIterator<Item = Policy>) -> Result<Self, ConfigError> {
        RateLimit::of(policies).map(Self::from)
    }

    /// Creates a layer that limits nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            gate: GateLayer::new(None),
        }
    }

    /// See [`RateLimit::max_keys`].
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        self.map(|limit| limit.max_keys(max_keys))
    }

    /// See [`RateLimit::headers`].
    #[must_use]
    pub fn headers(self, draft: Option<HeaderDraft>) -> Self {
        self.map(|limit| limit.headers(draft))
    }

    /// See [`RateLimit::jitter`].
    #[must_use]
    pub fn jitter(self, on: bool) -> Self {
        self.map(|limit| limit.jitter(on))
    }

    fn map(self, change: impl FnOnce(RateLimit) -> RateLimit) -> Self {
        Self {
            gate: GateLayer::new(self.guard().map(change)),
        }
    }
}

impl<R> RateLimitLayer<R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> RateLimitLayer<T> {
        RateLimitLayer {
            gate: self.gate.respond_with(respond),
        }
    }

    /// The guard, for use in an [`Edge`](crate::Edge), unless the layer is off.
    #[must_use]
    pub fn guard(&self) -> Option<RateLimit> {
        self.gate.guard().clone()
    }
}

impl From<RateLimit> for RateLimitLayer {
    fn from(limit: RateLimit) -> Self {
        Self {
            gate: GateLayer::new(Some(limit)),
        }
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
