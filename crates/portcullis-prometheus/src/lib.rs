//! Prometheus metrics for portcullis.
//!
//! [`Metrics`] is an [`Observer`](portcullis_core::Observer): rate, errors, duration and sizes of every
//! exchange, from the request's head to the last byte of the response, by OpenTelemetry's HTTP
//! semantic conventions 1.44 in Prometheus' names.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `http_server_request_duration_seconds` | histogram, the conventions' 14 boundaries | `http_request_method`, `http_route`, `http_response_status_code`, `url_scheme`, `error_type` |
//! | `http_server_request_body_size_bytes` | histogram, 256 B to 64 MiB | the same |
//! | `http_server_response_body_size_bytes` | histogram, 256 B to 64 MiB | the same |
//! | `http_server_active_requests` | gauge | `http_request_method`, `url_scheme` |
//! | `portcullis_rejections_total` | counter | `layer`, `reason`, `policy` |
//! | `portcullis_build_info` | info | `version` |
//! | `portcullis_cpus` | gauge: processors that the process may use, whole ones | |
//! | `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds`, `process_start_time_seconds` | as Prometheus' own clients have them; on Linux | |
//!
//! An edge that has the metrics among its observers also shows what its guards count by themselves, each
//! with its own names: what a rate limit refused (`portcullis_rate_limit_refused_total`, by `policy`),
//! how many keys shared a quota, whether its store answers, which forged addresses were ignored, how
//! many requests load shedding allows. A guard of which two edges have clones counts once for all of
//! them, and is shown once; what two edges have of their own is added up. What is no guard is
//! [added](Metrics::add): a server's connections, a breaker, retries.
//!
//! # Labels
//!
//! No label is a client's to choose: an invented method is `_OTHER`, the route is the framework's
//! template or empty, never a path, and there is no host. After 1,000 routes further ones are
//! counted as `_OTHER`, and so is what comes after [10,000 series](MetricsBuilder::max_series). A
//! client that goes away before the head has no status; its `error_type` is `client_disconnect`. A
//! refusal has the layer that refused, the slug of its
//! [kind](portcullis_core::RejectionKind::slug) and the first policy that was violated.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{HeaderMap, Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use portcullis::{ObserveLayer, body_limit::RequestBody};
//! use portcullis_prometheus::Metrics;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let metrics = Metrics::new();
//! let hello = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = ObserveLayer::new(metrics.clone()).layer(hello);
//! let response = service.oneshot(Request::new(Full::default())).await?;
//! response.into_body().collect().await.map_err(|_| "no body")?;
//!
//! let page = metrics.respond(&HeaderMap::new());
//! assert!(page.body().contains("http_server_request_duration_seconds_count"));
//! # Ok(())
//! # }
//! ```
//!
//! # The page
//!
//! [`Metrics::respond`] answers a request in Prometheus' text format 0.0.4, or in OpenMetrics 1.0.0
//! where `Accept` prefers it, as Prometheus does. Two ways to show it to operators only:
//!
//! - Below an edge that asks for a key, as any other route: `.route("/metrics", get(metrics))` in axum,
//!   with `async fn metrics(State(metrics): State<Metrics>, headers: HeaderMap) -> Response<String>`
//!   that returns `metrics.respond(&headers)`. Nobody without a key gets it, unless the path is made
//!   public. Prometheus sends one with `authorization: { credentials_file: .. }`.
//! - On a listener of its own that only operators reach, without a key:
//!   `AdminPages::new().respond("/metrics", move |head| metrics.respond(&head.headers))` of
//!   `portcullis::serve`.
//!
//! # Exemplars
//!
//! Where a trace is sampled by an observer of the same edge, its trace and span
//! IDs are the exemplar of the bucket that the duration fell into, the latest of each bucket. Only
//! OpenMetrics has them; Prometheus keeps them with `--enable-feature=exemplar-storage`.
//!
//! # Native histograms
//!
//! There are none: both text formats have buckets only. Prometheus' protobuf format has native ones;
//! OTLP has them as exponential histograms, which a view of OpenTelemetry's SDK makes of
//! `portcullis-otel`'s.
//!
//! # Cost
//!
//! The handles of a series are resolved once and found again without a lock or an allocation. A series
//! is three histograms, some 1 KB, and up to 2 KB more where it has exemplars.

mod builder;
mod counts;
mod exchanges;
mod format;
mod help;
mod metrics;
mod process;
#[cfg(test)]
mod tests;
mod text;

pub use self::{builder::MetricsBuilder, format::TextFormat, metrics::Metrics};
