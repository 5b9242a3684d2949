use tower_layer::Layer;

use super::Gate;
use crate::ProblemJson;

/// Applies a [`Gate`] with some guard. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct GateLayer<G, R = ProblemJson> {
    guard: G,
    respond: R,
}

impl<G> GateLayer<G> {
    /// Creates a layer that answers rejections with [`ProblemJson`].
    pub const fn new(guard: G) -> Self {
        Self {
            guard,
            respond: ProblemJson,
        }
    }
}

impl<G, R> GateLayer<G, R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> GateLayer<G, T> {
        GateLayer {
            guard: self.guard,
            respond,
        }
    }

    /// The guard.
    pub const fn guard(&self) -> &G {
        &self.guard
    }
}

impl<S, G, R> Layer<S> for GateLayer<G, R>
where
    G: Clone,
    R: Clone,
{
    type Service = Gate<S, G, R>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, self.guard.clone(), self.respond.clone())
    }
}
