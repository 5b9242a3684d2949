//! A page of metrics with everything on it, and what stands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    io,
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use portcullis::{
    Health, ObserveLayer, Quota,
    access_log::AccessLog,
    api_key::{ApiKey, Keys},
    audit::{Audit, AuditEvent, EventSink, OnFull},
    body_limit::RequestBody,
    health::{Check, Vitals},
    load_shed::LoadShed,
    lockout::Lockout,
    outbound::Outbound,
    rate_limit::{InFlight, MemoryStore, RateLimit},
    serve::Server,
};
use portcullis_otel::Telemetry;
use portcullis_prometheus::Metrics;
use tower::{Layer, ServiceExt, service_fn};

/// Metrics, with the values of their labels.
#[derive(Debug)]
pub(super) struct Page(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// An audit log that nobody reads.
struct Nowhere;

/// An application, and a key to it.
struct App {
    router: Router,
    key: ApiKey,
}

// ===== impl Page =====

impl Page {
    /// Reads the text format of Prometheus.
    pub(super) fn read(text: &str) -> Self {
        let mut metrics = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let metric = metrics.entry(name.to_owned()).or_default();
            for (label, value) in labelled(labels) {
                metric.entry(label).or_default().insert(value);
            }
        }
        Self(metrics)
    }

    pub(super) fn has(&self, metric: &str) -> bool {
        self.0.contains_key(metric)
    }

    /// Returns the values of a label, if the metric has it.
    pub(super) fn values(&self, metric: &str, label: &str) -> Option<&BTreeSet<String>> {
        self.0.get(metric)?.get(label)
    }

    /// Whether any metric has the label.
    pub(super) fn has_label(&self, label: &str) -> bool {
        self.0.values().any(|labels| labels.contains_key(label))
    }
}

// ===== impl Nowhere =====

impl EventSink for Nowhere {
    fn write(&mut self, _: &[AuditEvent]) -> io::Result<()> {
        Ok(())
    }
}

// ===== impl App =====

impl App {
    async fn new(metrics: &Metrics) -> Self {
        let key = ApiKey::generate("pk").unwrap();
        let vitals = Vitals::standard();
        let memory = Check::memory(MEMORY);
        let health = Health::new().add_check(memory).vitals(&vitals);
        health.settled().await;
        let edge = portcullis_axum::edge()
            .observe(metrics.clone())
            .observe(vitals)
            .health(&health)
            .access_log(AccessLog::to_writer(io::sink()).build().unwrap())
            .timeout(Duration::from_millis(20))
            .load_shed(LoadShed::fixed(1))
            .rate_limit(RateLimit::new(Quota::per_hour(ENOUGH)).shared(MemoryStore::new(100)))
            .in_flight(InFlight::new(9))
            .lockout(Lockout::default())
            .api_keys(Keys::from(&key));
        let router = routes().layer(edge.build().unwrap());
        metrics.add(Server::new(router.clone()).counts());
        metrics.add(Audit::new(Nowhere, OnFull::Drop).unwrap());
        metrics.add(Outbound::new().build().unwrap());
        metrics.add(telemetry());
        Self { router, key }
    }

    async fn send(&self, path: &str) -> Response<Body> {
        let request = Request::get(path).header("host", "a");
        let request = request.header("x-api-key", self.key.expose());
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Waits for the last byte, or for what there is in its place.
    async fn end(&self, path: &str) {
        let response = self.send(path).await;
        let _ = axum::body::to_bytes(response.into_body(), 1000).await;
    }

    async fn is_shed(&self) {
        let first = self.send("/").await;
        assert_eq!(self.send("/").await.status(), 503);
        drop(first);
    }

    async fn is_limited(&self) {
        for _ in 0..ENOUGH {
            if self.send("/").await.status() == 429 {
                return;
            }
        }
        panic!("it is not limited");
    }
}

/// Reads `a="b",c="d"}`. No value here has a quote.
fn labelled(text: &str) -> impl Iterator<Item = (String, String)> {
    let mut parts = text.split('"');
    std::iter::from_fn(move || {
        let label = parts.next()?.trim_matches([',', '=', '}']);
        let value = parts.next()?;
        Some((label.to_owned(), value.to_owned()))
    })
}

/// Returns the page of an edge that has everything and has seen every end of an exchange.
pub(super) async fn full() -> Page {
    let metrics = Metrics::new();
    let app = App::new(&metrics).await;
    app.is_shed().await;
    for path in [
        "/",
        "/elsewhere",
        "/panic",
        "/broken",
        "/odd",
        "/slow",
        "/torn",
    ] {
        app.end(path).await;
    }
    app.is_limited().await;
    fail(&metrics).await;
    Page::read(&metrics.respond(&HeaderMap::new()).into_body())
}

/// Telemetry counts what it loses, also where it exports nothing.
fn telemetry() -> Telemetry {
    let none: [(&str, &str); 0] = [];
    Telemetry::builder("orders")
        .variables(none)
        .build()
        .unwrap()
}

fn routes() -> Router {
    let panics = || async {
        if true {
            panic!("on purpose");
        }
    };
    let torn = || async {
        let torn = futures_util::stream::iter([Err::<Bytes, _>(io::Error::other("torn"))]);
        Body::from_stream(torn)
    };
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/elsewhere", get(|| async { StatusCode::SEE_OTHER }))
        .route("/panic", get(panics))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
        .route("/odd", get(|| async { StatusCode::from_u16(700).unwrap() }))
        .route("/slow", get(|| async { pending::<()>().await }))
        .route("/torn", get(torn))
}

/// A service over hyper may also give an error.
async fn fail(metrics: &Metrics) {
    let failing = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        Err::<Response<Full<Bytes>>, _>(io::Error::other("failed"))
    });
    let service = ObserveLayer::new(metrics.clone()).layer(failing);
    assert!(
        service
            .oneshot(Request::new(Full::default()))
            .await
            .is_err()
    );
}

/// More requests than are sent before a limit is to be reached.
const ENOUGH: u32 = 9;

/// From here the check `memory` is degraded, and from there it fails.
pub(super) const MEMORY: (f64, f64) = (0.8, 0.95);
