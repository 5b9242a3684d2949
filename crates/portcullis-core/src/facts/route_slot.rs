use std::sync::{Arc, OnceLock};

use crate::Route;

/// Where a router leaves the template of the route that serves a request, for observers outside of it.
///
/// An edge with observers leaves an empty one in a request whose route it does not know. Whoever knows
/// the route below fills it: `portcullis_axum::RouteLayer` in an axum app, or a few lines in any other:
///
/// ```
/// use portcullis_core::{Facts, Route, RouteSlot};
///
/// # let mut request = http::Request::new(());
/// # Facts::of_mut(request.extensions_mut()).set(RouteSlot::new());
/// if let Some(slot) = Facts::of(request.extensions()).get::<RouteSlot>() {
///     slot.fill(Route::new("/users/{id}"));
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RouteSlot(Arc<OnceLock<Route>>);

// ===== impl RouteSlot =====

impl RouteSlot {
    /// Creates an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the route, unless one is set: the outermost router's counts.
    pub fn fill(&self, route: Route) {
        // Whoever came first stays.
        let _ = self.0.set(route);
    }

    /// Returns the route, if it is known by now.
    #[must_use]
    pub fn get(&self) -> Option<Route> {
        self.0.get().copied()
    }
}
