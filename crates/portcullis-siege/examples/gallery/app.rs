//! What happens to a request between its bytes and its answer.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::FutureExt;
use portcullis::{jwt::Jwt, signature::SignatureLayer};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Settings,
    audit::Audit,
    auth::Failures,
    faults::Fault,
    health::Dependency,
    limiter::Limiter,
    log::Log,
    message::{Head, Response},
    metrics::Metrics,
    signatures, tokens,
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) fault: Fault,
    pub(crate) limiter: Limiter,
    pub(crate) failures: Mutex<Failures>,
    pub(crate) slow: AtomicUsize,
    pub(crate) active: AtomicI64,
    pub(crate) metrics: Metrics,
    pub(crate) is_store_up: AtomicBool,
    pub(crate) dependency: Dependency,
    pub(crate) log: Log,
    pub(crate) audit: Audit,
    pub(crate) jwt: Jwt,
    pub(crate) signatures: SignatureLayer,
    /// Those that the verifier by hand knows.
    pub(crate) nonces: Mutex<HashSet<String>>,
    pub(crate) count: AtomicU64,
    pub(crate) panics: AtomicU64,
    /// When the last control frame came that nobody counts.
    pub(crate) batch: Mutex<Option<Instant>>,
}

/// A request that passed its checks.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) head: Head,
    pub(crate) id: String,
    pub(crate) client: String,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
struct InFlight<'a> {
    app: &'a App,
    is_done: bool,
}

impl App {
    pub(crate) fn new(settings: &Settings) -> std::io::Result<Arc<Self>> {
        let fault = settings.fault;
        Ok(Arc::new(Self {
            fault,
            limiter: Limiter::new(fault),
            failures: Mutex::default(),
            slow: AtomicUsize::new(0),
            active: AtomicI64::new(0),
            metrics: Metrics::default(),
            is_store_up: AtomicBool::new(true),
            dependency: Dependency::new(),
            log: Log::open(settings.log.as_deref(), fault)?,
            audit: Audit::open(settings.audit.as_deref())?,
            signatures: signatures::layer().map_err(std::io::Error::other)?,
            nonces: Mutex::default(),
            jwt: tokens::guard().map_err(std::io::Error::other)?,
            count: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            batch: Mutex::default(),
        }))
    }

    /// Whether this is what is wrong.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Looks at a head. What it refuses is answered before any body is read.
    pub(crate) async fn check(&self, head: Head) -> Result<Exchange, Response> {
        let exchange = Exchange {
            id: self.request_id(&head),
            client: self.client(&head),
            head,
        };
        match self.guard(&exchange).await {
            Ok(()) => Ok(exchange),
            Err(refusal) => Err(self.finish(&exchange, refusal)),
        }
    }

    /// The answer. Dropped when the client goes away.
    pub(crate) async fn handle(&self, exchange: Exchange, body: Vec<u8>) -> Response {
        self.wait_for_batches().await;
        if let Some(broken) = self.broken(&exchange.head, &body) {
            return self.finish(&exchange, broken);
        }
        self.active.fetch_add(1, Relaxed);
        let mut in_flight = InFlight {
            app: self,
            is_done: false,
        };
        let handled = AssertUnwindSafe(self.route(&exchange, body)).catch_unwind();
        let limit = if self.has(Fault::DeadlineMissing) {
            Duration::from_secs(3600)
        } else {
            Duration::from_secs(1)
        };
        let response = match timeout(limit, handled).await {
            _ if self.is_poisoned() => Response::problem(500, "Internal Server Error"),
            Ok(Ok(response)) => response,
            Ok(Err(payload)) => self.panicked(&exchange, payload.as_ref()),
            Err(_) => Response::problem(503, "Service Unavailable").with("retry-after", "1"),
        };
        in_flight.is_done = true;
        self.finish(&exchange, response)
    }

    /// Waits behind the control frames of others, for the fault that lets them.
    async fn wait_for_batches(&self) {
        let last = *lock(&self.batch);
        if last.is_some_and(|last| last.elapsed() < HELD_UP) {
            sleep(HELD_UP).await;
        }
    }

    fn panicked(&self, exchange: &Exchange, payload: &(dyn std::any::Any + Send)) -> Response {
        let text = payload.downcast_ref::<&str>().copied().unwrap_or("");
        self.log_panic(exchange);
        let mut response = match self.fault {
            Fault::PanicLeaked => Response::problem(500, &format!("panicked at '{text}'")),
            Fault::SoftwareNamed => {
                Response::problem(500, "stack trace: at handler (/src/app.rs:12)")
            }
            _ => Response::problem(500, "Internal Server Error"),
        };
        response.fatal = self.has(Fault::PanicKills) && exchange.head.http2;
        self.worn(response)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.is_done || !self.app.has(Fault::InFlightLeaks) {
            self.app.active.fetch_sub(1, Relaxed);
        }
    }
}

/// A lock that a panic does not close.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const HELD_UP: Duration = Duration::from_millis(50);
