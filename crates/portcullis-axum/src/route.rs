use std::task::{Context, Poll};

use http::Request;
use portcullis::{Facts, facts::RouteSlot, observe::Route};
use tower_layer::Layer;
use tower_service::Service;

use crate::matched_path;

/// Tells an edge around the whole router which route matched.
///
/// Observers of an edge that is itself given to `Router::layer` know the route without it. Where the edge
/// stands around the router (a `portcullis::Edge` then, as around any other service), add it with
/// `Router::layer`, as the last layer, so that it sees every route. Without it such an edge has no route
/// for its spans, metrics and access lines, and never a path in its place.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use portcullis::{Edge, serve};
/// use portcullis_axum::RouteLayer;
/// use tokio::net::TcpListener;
/// use tower::Layer;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new()
///     .route("/users/{id}", get(|| async { "hello" }))
///     .layer(RouteLayer::new());
/// let app = Edge::new().build()?.layer(app);
///
/// serve(TcpListener::bind("127.0.0.1:3000").await?, app).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RouteLayer;

/// What a [`RouteLayer`] makes of a service.
#[derive(Clone, Copy, Debug)]
pub struct RouteService<S>(S);

// ===== impl RouteLayer =====

impl RouteLayer {
    /// Creates the layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = RouteService<S>;

    fn layer(&self, inner: S) -> RouteService<S> {
        RouteService(inner)
    }
}

// ===== impl RouteService =====

impl<S, B> Service<Request<B>> for RouteService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> S::Future {
        let slot: Option<&RouteSlot> = Facts::of(req.extensions()).get();
        if let (Some(slot), Some(template)) = (slot, matched_path(req.extensions())) {
            slot.fill(Route::new(template));
        }
        self.0.call(req)
    }
}
