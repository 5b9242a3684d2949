//! Answers probes: `/health`, `/ready`, `/live`, and `/startup` if set.
//!
//! # What happens
//!
//! Checks run in the background, each on its own interval and with its own time limit. A probe
//! only reads the last results: a thousand probes a second ask a dependency nothing, and a dependency
//! that hangs keeps no probe waiting.
//!
//! | request | 200 | 503 | for |
//! |---|---|---|---|
//! | `GET /health` | `{"status":"healthy"}`, `degraded` | `unhealthy` | people, load balancers |
//! | `GET /ready` | `{"status":"ready"}` | `not ready` | Kubernetes' readiness: may it get requests now? |
//! | `GET /live` | `{"status":"alive"}` | never | Kubernetes' liveness: must it be started again? |
//! | `GET /startup` | `{"status":"started"}` | `starting` | Kubernetes' start-up: may the others be asked? |
//!
//! A check is `ok`, `degraded`, `failing`, `timed out`, or `pending` before its first result. What it
//! means that it fails is its own:
//!
//! | check | `/health` | `/ready` |
//! |---|---|---|
//! | [critical](Check::new), the default | `unhealthy`, 503 | `not ready`, 503 |
//! | [advisory](Check::advisory) | `degraded`, 200 | `ready`, 200 |
//! | of [readiness](Check::readiness) | `degraded`, 200 | `not ready`, 503 |
//! | any that returns [`Degraded`] | `degraded`, 200 | `ready`, 200 |
//!
//! `/ready` is also 503 while a check that is not advisory is `pending`, while a [`Latch`] is held, and
//! from the time that [`Health::drain`] is called; `/health` does not fail for those. `/live` depends on
//! nothing, and stays 200 while the process drains: a process that is killed for a dependency's fault
//! comes back to the same fault. `/startup` is 503 until no latch is held, and then 200 for good.
//!
//! An edge that [sheds load](crate::load_shed) is not ready after 3 seconds in a row in which it refused
//! more than half of 20 or more requests, and ready again after 5 in a row in which it did not.
//! [`Health::ready_while_shedding`] turns that off.
//!
//! ## Who sees what
//!
//! Everybody sees the status, and nothing else. The names and states of checks, and the first `reason`
//! why a probe fails (`draining`, `warming up`, or a check: `redis: failing`), are for those who are
//! chosen: [networks](Health::details_to_networks), who has a [token](Health::details_to_token), whom a
//! [closure](Health::details_if) lets, operators on the
//! admin listener (`AdminPages::health`),
//! or [everybody](Health::show_checks). With `?verbose` they also see why a check fails (but everybody
//! does not), what it means, how long its last run took, and how many there were:
//!
//! ```json
//! {"status":"unhealthy","reason":"redis: failing","checks":{"redis":{"status":"failing","impact":"critical","reason":"connection refused","took_ms":3,"runs":7,"failures":4}}}
//! ```
//!
//! Who prefers `application/health+json` by `Accept` gets that (draft-inadarei-api-health-check-06):
//! `status` is `pass`, `warn` or `fail`, and `checks` has an array for each `name:responseTime`, with
//! `time`, `observedValue` and `output`. Answers carry `cache-control: no-store` and `vary: accept`.
//! Other methods than GET and HEAD, and other paths, are passed on.
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
//! | [`Health::paths`] | `/health`, `/ready`, `/live` | what people type; Kubernetes has no convention |
//! | [`Health::every`], [`Check::every`] | 10 s | what Kubernetes' probes use |
//! | [`Health::time_limit`], [`Check::time_limit`] | 2 s | a check that hangs is a check that fails |
//! | [`Check::jitter`] | a tenth | a fleet that starts at once does not check at once |
//! | [`Check::failures`] | 3 | `failureThreshold` of Kubernetes: one lost packet takes no fleet away |
//! | [`Check::successes`] | 1 | `successThreshold` of Kubernetes |
//! | [`Health::check`], [`Health::add_check`] | none | |
//! | [`Health::vitals`] | none | what the process sees of itself: panics, errors, silence, levels |
//! | [`Health::ready_while`] | shedding of the edge | |
//! | [`Health::show_checks`], `details_to_..`, [`details_if`](Health::details_if) | status only | ASVS 13.4.5: monitoring shows no internals |
//!
//! Checks that are there: [memory](Check::memory), the [depth of a queue](Check::queue_depth), a
//! [heartbeat](Check::heartbeat), with the feature `server` a connection by `Check::tcp` and a request by
//! `Check::http_get`, and of [`Vitals`] [activity](Vitals::silence), [errors](Vitals::error_rate) and
//! [panics](Vitals::panics), which [`Vitals::standard`] has all.
//!
//! # Telemetry
//!
//! As [`Counts`](crate::Counts):
//!
//! | metric | |
//! |---|---|
//! | `portcullis_health_status` | what a `probe` (`health`, `ready`, `live`, `startup`) is answered: 0 unhealthy, 1 degraded, 2 healthy |
//! | `portcullis_health_check_status` | what a `check` is: 0 if it fails, 1 if it is degraded, pending, or advisory and fails, 2 if it is well |
//! | `portcullis_health_probes_failed_total` | probes that an edge answered with 503, which are among its errors |
//! | `portcullis_health_check_runs_total`, `portcullis_health_check_failures_total` | runs of a `check`, and those that failed or took too long |
//!
//! Each change of a check is one event (target `portcullis`): `INFO` if it is well, else `WARN` with its
//! `reason`, in one line, of at most 1,024 bytes of it, in which control characters and those that turn text are
//! escaped. Draining and the end of start-up are one `INFO` each.
//!
//! # Security considerations
//!
//! A process that is killed when `/health` fails dies with its dependencies: point liveness at `/live`,
//! readiness at `/ready`, and `/health` at people and load balancers.
//!
//! Why a check fails is another system's text, with addresses and perhaps more: it is for operators.
//! A client that makes an edge shed for seconds takes a process out of its service; where others get
//! its load then, all may follow: see [`Health::ready_while_shedding`], and limit each client.

mod built_in;
mod check;
mod counts;
mod degraded;
mod details;
mod guard;
mod judge;
mod load;
mod paths;
mod registry;
mod report;
#[cfg(test)]
mod tests;
mod viewers;
mod vitals;

pub use self::{
    built_in::Heartbeat,
    check::{Check, State},
    degraded::Degraded,
    paths::ProbePaths,
    registry::{Health, Latch},
    vitals::{Threshold, Vitals},
};
use crate::engine::{Alone, Plain};

/// Answers probes. See the [module docs](self) for an example.
pub type HealthLayer = Alone<Health, Plain>;
