//! Prometheus metrics for portcullis.
//!
//! [`Metrics`] is an [`Observer`](portcullis_core::Observer): rate, errors and duration of every
//! exchange, from the request's head to the last byte of the response, by OpenTelemetry's HTTP
//! semantic conventions 1.44 in Prometheus' names.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `http_server_request_duration_seconds` | histogram, the conventions' 14 boundaries | `http_request_method`, `http_route`, `http_response_status_code`, `url_scheme`, `error_type` |
//! | `http_server_active_requests` | gauge | `http_request_method`, `url_scheme` |
//! | `portcullis_rejections_total` | counter | `reason` |
//!
//! An edge that has the metrics among its observers also shows what its guards count by themselves, each with its own names: what a rate
//! limit refused (`portcullis_rate_limit_refused_total`, by `policy`), how many keys shared a quota,
//! whether its store answers, which forged addresses were ignored. A guard of which two edges have
//! clones counts once for all of them: give the metrics to one of these edges, or it is shown twice.
//!
//! No label is a client's to choose: an invented method is `_OTHER`, the route is the framework's
//! template or empty, never a path, and there is no host. After 1,000 routes further ones are
//! counted as `_OTHER`. A client that goes away before the head has no status; its `error_type` is
//! `client_disconnect`.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
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
//! let text = metrics.encode();
//! assert!(text.contains("http_server_request_duration_seconds_count"));
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! The handles of a route's series are resolved once and found again without a lock or an
//! allocation.

mod counts;
mod labels;
mod metrics;
mod routes;
#[cfg(test)]
mod tests;

pub use self::metrics::Metrics;
