//! Answers probes: `/health` and `/ready`.
//!
//! # What happens
//!
//! Checks run in the background, each on its own interval and with its own time limit. A probe
//! only reads the last results: a thousand probes a second ask a dependency nothing.
//!
//! | request | 200 | 503 |
//! |---|---|---|
//! | `GET /health` | `{"status":"healthy","checks":{"redis":"ok"}}` | `{"status":"unhealthy","checks":{"redis":"failing"}}` |
//! | `GET /ready` | `{"status":"ready","checks":{"redis":"ok"}}` | `{"status":"not ready","reason":"draining","checks":{"redis":"ok"}}` |
//!
//! A check is `ok`, `degraded`, `failing`, `timed out`, or `pending` before its first result. `/health`
//! fails while a check is `failing` or `timed out`; while one is `degraded` and none fails, its status
//! is `degraded`, with 200: a check says so with [`Degraded`]. `/ready` also fails while a check is `pending`, while
//! a [`Latch`] is held, and from the moment [`Health::drain`] is called; `/health` does not fail
//! for those. The `reason` is the first of `draining`, `warming up`, `checks`.
//!
//! Answers carry `cache-control: no-store`. Why a check fails is logged, never shown. Other methods
//! than GET and HEAD, and other paths, are passed on.
//!
//! A path that is answered here never reaches the application, also where that has a route for it.
//! An edge that knows the routes, as `portcullis_axum::edge` does, logs a warning at the first probe
//! that a route of exactly that path would have got; a route with a parameter or a wildcard is not
//! noticed, nor is any by a layer around a whole router. [`Health::paths`] moves the probes away.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use bytes::Bytes;
//! use portcullis::Health;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Health::new().check("redis", || async { Ok::<_, std::io::Error>(()) });
//! let warming_up = health.latch();
//! let app = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//! });
//! let app = health.layer().layer(app);
//! let ready = || Request::get("/ready").body(());
//!
//! health.settled().await;
//! assert_eq!(app.clone().oneshot(ready()?).await?.status(), 503);
//! drop(warming_up);
//! assert_eq!(app.clone().oneshot(ready()?).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Above limits and keys, so that probes spend no quota and need no key; below the secure headers.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Health::paths`] | `/health`, `/ready` | what people type; Kubernetes has no convention |
//! | [`Health::every`] | 10 s | what Kubernetes' probes use |
//! | [`Health::limit`] | 2 s | a check that hangs is a check that fails |
//! | [`Health::check`] | none | |
//! | [`Health::vitals`] | none | what the process sees of itself: panics, errors, silence, levels |
//!
//! # Security considerations
//!
//! A process that is killed when `/health` fails dies with its dependencies: point a liveness
//! probe at the port, and `/health` at people and load balancers. The names of the checks are
//! public.

mod check;
mod degraded;
mod guard;
mod paths;
mod registry;
mod report;
#[cfg(test)]
mod tests;
mod vitals;

pub use self::{
    check::State,
    degraded::Degraded,
    registry::{Health, Latch},
    vitals::{Threshold, Vitals},
};
use crate::engine::{Alone, Plain};

/// Answers probes. See the [module docs](self) for an example.
pub type HealthLayer = Alone<Health, Plain>;
