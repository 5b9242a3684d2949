use http::Extensions;
use tower_layer::Layer;

use super::Observe;

/// Applies [`Observe`] with some observer. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct ObserveLayer<O> {
    observer: O,
    route_from: Option<RouteFrom>,
}

/// Finds the template of the route that will serve a request.
pub(super) type RouteFrom = fn(&Extensions) -> Option<&str>;

impl<O> ObserveLayer<O> {
    /// Creates a layer.
    pub const fn new(observer: O) -> Self {
        Self {
            observer,
            route_from: None,
        }
    }

    /// Tells observers the route, as the framework knows it.
    ///
    /// With axum that is `portcullis_axum::matched_path`. Never the path itself: observers may keep
    /// something for each route.
    #[must_use]
    pub fn route_from(mut self, route: fn(&Extensions) -> Option<&str>) -> Self {
        self.route_from = Some(route);
        self
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

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(inner, self.observer.clone(), self.route_from)
    }
}
