//! The application behind the edge.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use portcullis::{
    ConfigError, Health,
    load_shed::{LoadShed, LoadShedLayer},
};
use portcullis_prometheus::Metrics;

use crate::{
    config::Config,
    debug,
    dependencies::{self, Dependency, SEARCH},
    page,
    payments::Payments,
    routes,
    seen::Seen,
    streams,
};

/// What the routes share.
#[derive(Clone, Debug)]
pub(crate) struct Demo {
    pub(crate) config: Arc<Config>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) payments: Payments,
    pub(crate) seen: Option<Seen>,
    checked: Arc<[Dependency]>,
}

impl Demo {
    pub(crate) fn new(
        config: Config,
        address: SocketAddr,
        seen: Option<Seen>,
    ) -> Result<Self, ConfigError> {
        let checked = ["mongodb", "redis", SEARCH].map(Dependency::new);
        Ok(Self {
            config: Arc::new(config),
            address,
            health: dependencies::health(&checked),
            metrics: Metrics::new(),
            payments: Payments::new()?,
            seen,
            checked: checked.into(),
        })
    }

    pub(crate) fn dependency(&self, name: &str) -> Option<&Dependency> {
        let mut all = self.checked.iter().chain([self.payments.dependency()]);
        all.find(|dependency| dependency.name() == name)
    }
}

/// All routes. Those for debugging exist only in development.
pub(crate) fn router(demo: Demo) -> Router {
    let debug = if demo.config.is_development() {
        debug::router()
    } else {
        Router::new()
    };
    let at_once = LoadShedLayer::from(LoadShed::fixed(REPORTS));
    Router::new()
        .merge(page::router())
        .merge(debug)
        .route("/api/hello", get(routes::hello))
        .route("/api/echo", post(routes::echo))
        .route("/api/token", get(routes::hello))
        .route("/api/signed", post(routes::echo))
        .route("/api/slow", get(routes::slow))
        .route("/api/report", get(routes::report).layer(at_once))
        .route("/api/pay", post(routes::pay))
        .route("/api/panic", get(routes::panic))
        .route("/api/panic-body", get(streams::panic_body))
        .route("/api/large", get(streams::large))
        .route("/events", get(streams::events))
        .route("/ws", get(streams::websocket))
        .route("/metrics", get(routes::metrics))
        .with_state(demo)
}

/// Reports at once. A browser opens six connections: with more the page could show no shedding.
const REPORTS: u32 = 2;
