//! The guards of a request, and the routes.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    app::{App, Exchange},
    faults::Fault,
    message::{Head, Response},
};

/// A place among the slow requests, until it is dropped.
#[derive(Debug)]
struct Place<'a>(&'a App, bool);

impl App {
    /// Whether a request may pass, from its head.
    pub(crate) async fn guard(&self, exchange: &Exchange) -> Result<(), Response> {
        let head = &exchange.head;
        self.host(head)?;
        self.redirect(head)?;
        let is_preflight = head.method == "OPTIONS"
            && head.has("origin")
            && head.has("access-control-request-method");
        if is_preflight && !self.has(Fault::PreflightNeedsKey) {
            return Err(self.preflight(head));
        }
        self.method(head)?;
        self.cross_site(head)?;
        if self.has(Fault::ShedsEarly)
            && head.path != "/health"
            && self.count.fetch_add(1, Relaxed) % 50 == 49
        {
            return Err(Response::problem(503, "Service Unavailable").with("retry-after", "1"));
        }
        if self.has(Fault::ProbesLimited) && head.path == "/health" {
            self.limit(exchange).await?;
        }
        match self.spelled(&head.path).as_str() {
            "/api/token" => self.token(head).await?,
            path if is_public(path) || self.is_overlooked(head) => {}
            _ if self.has(Fault::UpgradeNeedsNoKey) && head.has("upgrade") => {}
            "/metrics" if self.opens_metrics(head) => {}
            "/actuator/env" if self.has(Fault::DebugPage) => {}
            _ => self.authenticate(exchange)?,
        }
        self.length(head)
    }

    fn opens_metrics(&self, head: &Head) -> bool {
        self.has(Fault::MetricsOpen) || self.has(Fault::MetricsAnyKey) && head.has("x-api-key")
    }

    fn host(&self, head: &Head) -> Result<(), Response> {
        let host = head.host.as_deref().unwrap_or("");
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_served =
            name.eq_ignore_ascii_case("127.0.0.1") || name.eq_ignore_ascii_case("localhost");
        let lenient = [
            Fault::HostUnchecked,
            Fault::HostMissing,
            Fault::HostTwice,
            Fault::HostInvalid,
            Fault::AbsoluteFetched,
        ];
        if is_served || lenient.contains(&self.fault) {
            Ok(())
        } else {
            Err(Response::problem(421, "Misdirected Request"))
        }
    }

    fn method(&self, head: &Head) -> Result<(), Response> {
        match head.method.as_str() {
            "TRACE" if self.has(Fault::TraceEchoed) => {
                let lines = head
                    .fields
                    .iter()
                    .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)));
                Err(Response::new(
                    200,
                    "message/http",
                    lines.collect::<String>(),
                ))
            }
            "CONNECT" if self.has(Fault::ConnectServed) => Err(Response::empty(200)),
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" => Ok(()),
            _ => Err(not_allowed("GET, HEAD, POST")),
        }
    }

    /// The declared length, before the body.
    fn length(&self, head: &Head) -> Result<(), Response> {
        let declared: u64 = head.one("content-length").parse().unwrap_or(0);
        let is_lenient = declared <= 4 * LIMIT as u64 && self.has(Fault::BodyFourfold)
            || self.has(Fault::DeclaredUnchecked)
            || self.has(Fault::GetBody) && head.method == "GET";
        if declared > LIMIT as u64 && !is_lenient {
            Err(Response::problem(413, "Content Too Large"))
        } else {
            Ok(())
        }
    }

    /// The handlers.
    pub(crate) async fn route(&self, exchange: &Exchange, body: Vec<u8>) -> Response {
        let head = &exchange.head;
        let path: &str = &self.served_path(head);
        let method = self.served_method(head);
        if self.has(Fault::DebugPage) && path == "/actuator/env" {
            return Response::new(200, "application/json", r#"{"propertySources":[]}"#);
        }
        let allowed = match template(path) {
            "" => return Response::problem(404, "Not Found"),
            "/api/echo" | "/api/signed" => "POST",
            "/api/own" => "GET, HEAD, DELETE",
            path if path.starts_with("/switch/") && path != "/switch/dependency/checks" => "POST",
            _ => "GET, HEAD",
        };
        if !allowed.split(", ").any(|known| known == method) {
            return not_allowed(allowed);
        }
        if let Some(state) = path.strip_prefix("/switch/") {
            return self.switch(state);
        }
        let response = self.page(path, exchange, body).await;
        self.ranged(head, response)
    }

    async fn page(&self, path: &str, exchange: &Exchange, body: Vec<u8>) -> Response {
        let head = &exchange.head;
        match path {
            "/" => self.html(),
            "/health" if self.has(Fault::LivenessShed) && self.slow.load(Relaxed) >= PLACES => {
                Response::problem(503, "Service Unavailable")
            }
            "/health" => Response::new(200, "application/json", self.healthy()),
            "/ready" => self.readiness().await,
            "/metrics" => Response::new(200, "text/plain; version=0.0.4", self.exposition()),
            "/api/hello" | "/api/token" => {
                Response::new(200, "application/json", self.greeting(head))
            }
            "/api/limited" => match self.limit(exchange).await {
                Ok(fields) => {
                    let mut response = Response::new(200, "application/json", "{}");
                    response.fields.extend(fields);
                    response
                }
                Err(refusal) => refusal,
            },
            "/api/own" | "/api/admin" => self.of_some(path, exchange),
            "/api/echo" => self.echo(head, body),
            "/api/signed" => match self.signed(head, &body).await {
                Ok(()) => Response::new(200, "application/json", "{}"),
                Err(refusal) => refusal,
            },
            "/api/slow" => self.slow(head).await,
            "/api/panic" => panics(),
            "/api/panic-body" => self.panics_later(exchange),
            _ => Response::new(200, "application/octet-stream", vec![b'x'; 8 << 20]),
        }
    }

    /// What a body that panics looks like from outside.
    fn panics_later(&self, exchange: &Exchange) -> Response {
        self.log_panic(exchange);
        Response {
            cut: !self.has(Fault::PanicBodyClean),
            ..Response::new(200, "text/plain", "the beginning")
        }
    }

    async fn slow(&self, head: &Head) -> Response {
        let ms = head
            .parameter("ms")
            .and_then(|ms| ms.parse().ok())
            .unwrap_or(0);
        let taken = self.slow.fetch_add(1, Relaxed);
        let mut place = Place(self, true);
        if taken >= PLACES && !self.has(Fault::NoShedding) {
            return Response::problem(503, "Service Unavailable").with("retry-after", "1");
        }
        place.1 = !self.has(Fault::PermitLeaked);
        sleep(Duration::from_millis(ms)).await;
        place.1 = true;
        Response::new(200, "text/plain", "slow")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.1 {
            release(&self.0.slow);
        }
    }
}

fn release(places: &AtomicUsize) {
    places.fetch_sub(1, Relaxed);
}

#[expect(
    clippy::panic,
    reason = "a handler that panics is a route of this server"
)]
fn panics() -> Response {
    panic!("secret-of-the-panic")
}

fn not_allowed(allowed: &str) -> Response {
    Response::problem(405, "Method Not Allowed").with("allow", allowed)
}

fn is_public(path: &str) -> bool {
    matches!(
        path,
        "/" | "/health" | "/ready" | "/api/limited" | "/api/signed"
    ) || path.starts_with("/switch/")
}

/// The route of a path; empty if there is none.
pub(crate) fn template(path: &str) -> &'static str {
    ROUTES
        .iter()
        .find(|route| **route == path)
        .copied()
        .unwrap_or("")
}

const ROUTES: [&str; 21] = [
    "/",
    "/health",
    "/ready",
    "/metrics",
    "/api/hello",
    "/api/token",
    "/api/signed",
    "/api/limited",
    "/api/own",
    "/api/admin",
    "/api/echo",
    "/api/slow",
    "/api/panic",
    "/api/panic-body",
    "/api/large",
    "/switch/key-store/up",
    "/switch/key-store/down",
    "/switch/dependency/up",
    "/switch/dependency/down",
    "/switch/dependency/hang",
    "/switch/dependency/checks",
];

/// Bytes of a body, as sent and as unpacked.
pub(crate) const LIMIT: usize = 65_536;
/// Slow requests at once.
const PLACES: usize = 32;
