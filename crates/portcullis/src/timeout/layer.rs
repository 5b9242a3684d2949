use std::time::Duration;

use portcullis_core::{ProblemJson, RejectionKind};
use tower_layer::Layer;

use super::Timeout;

/// Applies [`Timeout`]. See the [module docs](super) for an example.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer<R = ProblemJson> {
    after: Option<Duration>,
    kind: RejectionKind,
    respond: R,
}

impl TimeoutLayer {
    /// Creates a layer that gives the inner service `after` to respond.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Self {
            after: Some(after),
            kind: RejectionKind::TimedOut,
            respond: ProblemJson::new(),
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            after: None,
            ..Self::new(Duration::ZERO)
        }
    }
}

impl<R> TimeoutLayer<R> {
    /// Says that the application is a gateway: what is late is behind it, and the answer a 504.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.kind = RejectionKind::GatewayTimedOut;
        self
    }

    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> TimeoutLayer<T> {
        TimeoutLayer {
            after: self.after,
            kind: self.kind,
            respond,
        }
    }

    /// How long the inner service may take, unless the layer is off.
    #[must_use]
    pub const fn after(&self) -> Option<Duration> {
        self.after
    }

    pub(super) const fn respond(&self) -> &R {
        &self.respond
    }

    /// What a late request is refused with.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }
}

impl<S, R> Layer<S> for TimeoutLayer<R>
where
    R: Clone,
{
    type Service = Timeout<S, R>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        Timeout::new(inner, self.clone())
    }
}
