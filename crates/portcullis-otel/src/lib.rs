//! OpenTelemetry tracing for portcullis.
//!
//! [`Tracing`] is an [`Observer`](portcullis_core::Observer): one server span for each exchange, by
//! OpenTelemetry's HTTP semantic conventions 1.44, open until the last byte of the response or until
//! the client is gone. [`Telemetry`] sets up the export in one call.
//!
//! # The span
//!
//! | attribute | from |
//! |---|---|
//! | `http.request.method`, `http.request.method_original` | the method; `_OTHER` and the original for unknown ones |
//! | `http.route` | the framework's template, where it is known |
//! | `url.path`, `url.query`, `url.scheme` | the request; secrets in the query are `REDACTED` |
//! | `http.response.status_code`, `error.type` | the response; see [`Exchange::error_type`](portcullis_core::Exchange::error_type) |
//! | `client.address`, `network.peer.address`, `network.peer.port` | [`ClientIp`](portcullis_core::ClientIp) and [`PeerAddr`](portcullis_core::PeerAddr) |
//! | `network.protocol.version`, `server.address`, `user_agent.original` | the request |
//! | `portcullis.request_id` | [`RequestId`](portcullis_core::RequestId) |
//!
//! It is named `{method} {route}`, or `{method}` where there is no route, and `HTTP` in place of an
//! unknown method: never after the path. Its status is `Error` when there is an `error.type`, and
//! unset otherwise: a 4xx is no error of the server.
//!
//! # Trace context
//!
//! `traceparent` and `tracestate` (W3C Trace Context, level 2) are parsed strictly: one line, lower
//! case, no zero ids; anything else starts a new trace and drops `tracestate`. The trace goes on,
//! but its `sampled` flag counts only from a trusted peer, so that untrusted peers cannot decide what is
//! recorded. `baggage` is not read.
//!
//! While the handler runs, the span is the current OpenTelemetry context: spans that the
//! application opens with `tracing` become its children through [`Telemetry::layer`], and so is
//! what it sends on with OpenTelemetry's propagator.
//!
//! # Example
//!
//! ```no_run
//! use portcullis::Edge;
//! use portcullis_otel::Telemetry;
//! use tracing_subscriber::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = Telemetry::from_env("my-service")?;
//! tracing_subscriber::registry()
//!     .with(tracing_subscriber::fmt::layer())
//!     .with(telemetry.layer())
//!     .init();
//! let edge = Edge::new().observe(telemetry.tracing()).build()?;
//! // .. serve, and at the end:
//! telemetry.shutdown();
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! Whether to sample is decided before anything is built. An exchange that is not sampled costs one
//! allocation: the context from which its children know that they are not either. A sampled one
//! also keeps a copy of the path, the query, the host and the user agent, each cut after 1,024 bytes;
//! a thread of its own makes attributes of them.

mod export;
mod known_methods;
mod limits;
mod logs;
mod metrics_exporter;
mod pipeline;
mod record;
mod redact;
mod sampling;
mod signal;
mod span;
mod span_queue;
mod telemetry;
#[cfg(test)]
mod tests;
mod trace_context;
mod tracing_observer;
mod variables;
mod worker;

pub(crate) use self::known_methods::KnownMethods;
pub use self::{
    sampling::{InvalidSampler, Sampling},
    telemetry::{Telemetry, TelemetryBuilder},
    tracing_observer::Tracing,
};
