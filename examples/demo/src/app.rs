//! The application behind the edge.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use portcullis::Health;
use portcullis_prometheus::Metrics;

use crate::{
    config::Config,
    dependencies::{self, Dependency},
    page, routes, streams,
};

/// What the routes share.
#[derive(Clone, Debug)]
pub(crate) struct Demo {
    pub(crate) config: Arc<Config>,
    pub(crate) dependencies: Arc<[Dependency]>,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
}

impl Demo {
    pub(crate) fn new(config: Config) -> Self {
        let dependencies = Dependency::all();
        Self {
            config: Arc::new(config),
            health: dependencies::health(&dependencies),
            dependencies: dependencies.into(),
            metrics: Metrics::new(),
        }
    }

    pub(crate) fn dependency(&self, name: &str) -> Option<&Dependency> {
        let mut all = self.dependencies.iter();
        all.find(|dependency| dependency.name() == name)
    }
}

/// All routes. Those for debugging exist only in development.
pub(crate) fn router(demo: Demo) -> Router {
    let debug = Router::new()
        .route("/debug/config", get(routes::config))
        .route(
            "/debug/checks/{name}",
            get(routes::checks).post(routes::set_check),
        );
    let debug = if demo.config.is_development() {
        debug
    } else {
        Router::new()
    };
    Router::new()
        .merge(page::router())
        .merge(debug)
        .route("/api/hello", get(routes::hello))
        .route("/api/echo", post(routes::echo))
        .route("/api/slow", get(routes::slow))
        .route("/api/panic", get(routes::panic))
        .route("/api/panic-body", get(streams::panic_body))
        .route("/api/large", get(streams::large))
        .route("/events", get(streams::events))
        .route("/ws", get(streams::websocket))
        .route("/metrics", get(routes::metrics))
        .with_state(demo)
}
