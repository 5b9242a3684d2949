//! OpenTelemetry for portcullis: traces and metrics of exchanges, and the export of traces, metrics and
//! logs.
//!
//! [`Tracing`] is an [`Observer`](portcullis_core::Observer): one server span for each exchange, by
//! OpenTelemetry's HTTP semantic conventions 1.44, open until the last byte of the response or until
//! the client is gone. [`Metrics`] is another one: rate, errors, duration and sizes. [`Telemetry`] sets up the export in one call.
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
//! | `server.address`, `server.port` | the host that the client asked for, as a trusted proxy says, or as `:authority` or `Host` does; without a port it is the scheme's |
//! | `network.protocol.version`, `user_agent.original` | the request |
//! | `portcullis.request_id` | [`RequestId`](portcullis_core::RequestId) |
//!
//! It is named `{method} {route}`, or `{method}` where there is no route, and `HTTP` in place of an
//! unknown method: never after the path. Its status is `Error` when there is an `error.type`, and
//! unset otherwise: a 4xx is no error of the server.
//!
//! A span of an exchange with an error, or of one that was [slow](Tracing::slow_after), also has
//! `sampling.priority` with the value 1: the collector's `probabilistic_sampler` keeps it by itself, and
//! its `tail_sampling` with a `numeric_attribute` policy.
//!
//! The scope has the URL of the conventions' schema. Limits of attributes are those that the variables
//! set.
//!
//! # Trace context
//!
//! What comes in and goes out is W3C Trace Context (level 2) and W3C Baggage, strictly, and whether or
//! not anything is exported: [`Tracing::propagating`] makes no spans and passes all of it on.
//!
//! | field | in | out |
//! |---|---|---|
//! | `traceparent` | one line, lower case, no zero IDs; later versions than 00 by their first 55 characters; anything else is ignored, and `tracestate` with it | version 00, the flags `sampled` and `random`, the span that is current: [`ClientTraceLayer`] makes one for each call |
//! | `tracestate` | all lines as one list of at most 32 members, with the keys of level 2; one wrong member drops the list; of a repeated key the first member counts; cut after 1,024 bytes, by whole members | as it came in, behind what the application sets |
//! | `baggage` | [allowed keys](Tracing::allow_baggage) of trusted peers, at most 64 members and 8,192 bytes; a wrong member is left out; no UTF-8 becomes U+FFFD | what is in OpenTelemetry's context |
//!
//! By default the trace of an untrusted peer starts anew, and its span is linked to the one the peer
//! named; that of a trusted peer goes on. [`ParentPolicy`] has the others. `sampled` counts only from a
//! trusted peer, so that untrusted ones don't decide what is recorded.
//!
//! While the handler runs, the span is the current OpenTelemetry context: spans that the
//! application opens with `tracing` become its children through [`Telemetry::layer`]. What it calls
//! gets the trace through [`ClientTraceLayer`], which also makes spans of calls and passes the request's
//! ID on, or through [`Propagator`], for clients that use OpenTelemetry's.
//!
//! # Example
//!
//! ```no_run
//! use portcullis::Edge;
//! use portcullis_otel::Telemetry;
//! use tracing_subscriber::{filter::LevelFilter, prelude::*};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = Telemetry::from_env("my-service")?;
//! tracing_subscriber::registry()
//!     .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO))
//!     .with(telemetry.layer())
//!     .init();
//! let edge = Edge::new().observe(telemetry.tracing()).observe(telemetry.metrics()).build()?;
//! // .. serve, and at the end:
//! telemetry.shutdown();
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! Whether to sample is decided before anything is built. An exchange that is not sampled costs two
//! allocations: the context from which its children know that they are not either, and the scope that
//! enters it. With a `tracestate`, and where there is a [`ClientTraceLayer`] to pass the request's ID
//! on, they are a few more. A sampled one
//! also keeps a copy of the path, the query, the host and the user agent, each cut after 1,024 bytes;
//! a thread of its own makes attributes of them.
//!
//! # Security considerations
//!
//! A trace's ID links what services of different owners record, so a peer that isn't trusted neither
//! chooses ours (it could give all its requests one, or one that is sampled), nor fills the traces with
//! its `tracestate`. Baggage is read by services below as if it were ours: none comes in unless a key is
//! allowed, and then from trusted peers only. Nothing that is received grows without a bound.

mod client;
mod context;
mod export;
mod known_methods;
mod limits;
mod log_trace;
mod logs;
mod metrics;
mod metrics_exporter;
mod parent_policy;
mod pipeline;
mod record;
mod sampling;
mod scope;
mod signal;
mod span;
mod span_queue;
mod telemetry;
#[cfg(test)]
mod tests;
mod tracing_observer;
mod variables;
mod worker;

pub(crate) use self::known_methods::KnownMethods;
pub use self::{
    client::{ClientTraceFuture, ClientTraceLayer, ClientTraceService},
    context::Propagator,
    metrics::{Metrics, MetricsBuilder},
    parent_policy::ParentPolicy,
    sampling::{InvalidSampler, Sampling},
    telemetry::{Telemetry, TelemetryBuilder},
    tracing_observer::Tracing,
};
