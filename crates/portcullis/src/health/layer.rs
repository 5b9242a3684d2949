use std::sync::Arc;

use tower_layer::Layer;

use super::{Health, HealthService};

/// Applies [`HealthService`]. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct HealthLayer {
    health: Option<Arc<Health>>,
}

impl HealthLayer {
    /// Creates a layer that answers for `health`.
    #[must_use]
    pub fn new(health: Health) -> Self {
        Self {
            health: Some(Arc::new(health)),
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { health: None }
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = HealthService<S>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        HealthService::new(inner, self.health.clone())
    }
}
