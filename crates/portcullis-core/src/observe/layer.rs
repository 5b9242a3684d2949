use tower_layer::Layer;

use super::Observe;

/// Applies [`Observe`] with some observer. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct ObserveLayer<O> {
    observer: O,
}

impl<O> ObserveLayer<O> {
    /// Creates a layer.
    pub const fn new(observer: O) -> Self {
        Self { observer }
    }
}

impl ObserveLayer<()> {
    /// Creates a layer that watches nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self::new(())
    }
}

impl<S, O> Layer<S> for ObserveLayer<O>
where
    O: Clone,
{
    type Service = Observe<S, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(inner, self.observer.clone())
    }
}
