//! A dependency, and whether the server is ready.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{app::App, faults::Fault, message::Response};

/// Something the server needs: up (0), down (1), hanging (2).
#[derive(Debug)]
pub(crate) struct Dependency {
    state: AtomicU8,
    is_ready: AtomicBool,
    pub(crate) checks: AtomicU64,
}

impl Dependency {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU8::new(0),
            is_ready: AtomicBool::new(true),
            checks: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, state: u8) {
        self.state.store(state, Relaxed);
    }

    async fn check(&self) -> bool {
        self.checks.fetch_add(1, Relaxed);
        while self.state.load(Relaxed) == 2 {
            sleep(Duration::from_millis(20)).await;
        }
        self.state.load(Relaxed) == 0
    }

    /// Checks with a time limit.
    async fn look(&self) {
        let is_up = timeout(Duration::from_millis(500), self.check()).await;
        self.is_ready.store(is_up.unwrap_or(false), Relaxed);
    }
}

impl App {
    /// Breaks something, or mends it.
    pub(crate) fn switch(&self, state: &str) -> Response {
        match state {
            "key-store/up" => self.is_store_up.store(true, Relaxed),
            "key-store/down" => self.is_store_up.store(false, Relaxed),
            "dependency/up" => self.dependency.set(0),
            "dependency/down" => self.dependency.set(1),
            "dependency/hang" => self.dependency.set(2),
            _ => {
                let checks = self.dependency.checks.load(Relaxed);
                return Response::new(200, "text/plain", checks.to_string());
            }
        }
        Response::empty(204)
    }

    /// Looks at the dependency five times a second, whatever the probes do.
    pub(crate) fn watch(self: &Arc<Self>) {
        let app = Arc::clone(self);
        tokio::spawn(async move {
            while !app.has(Fault::ReadinessCached) {
                app.dependency.look().await;
                sleep(Duration::from_millis(200)).await;
            }
        });
    }

    /// What liveness says.
    pub(crate) fn healthy(&self) -> &'static str {
        match self.fault {
            Fault::HealthDsn => {
                "{\"status\":\"healthy\",\"db\":\"postgres://app:hunter2@db-1.internal:5432/app\"}"
            }
            Fault::HealthVersions => {
                "{\"status\":\"healthy\",\"postgres_version\":\"15.3\",\"node\":\"v20.11.1\"}"
            }
            _ => "{\"status\":\"healthy\"}",
        }
    }

    /// What readiness answers.
    pub(crate) async fn readiness(&self) -> Response {
        if self.is_ready().await {
            Response::new(200, "application/json", "{\"status\":\"ready\"}")
        } else if self.has(Fault::ReadyHost) {
            Response::problem(503, "redis: dial tcp 10.0.3.7:6379: connection refused")
        } else {
            Response::problem(503, "Service Unavailable")
        }
    }

    async fn is_ready(&self) -> bool {
        if self.has(Fault::ReadinessProbes) {
            self.dependency.look().await;
        }
        self.dependency.is_ready.load(Relaxed)
    }
}
