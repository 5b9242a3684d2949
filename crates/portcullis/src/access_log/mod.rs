//! One line for each exchange: who asked for what, what came of it, and how long it took.
//!
//! # What happens
//!
//! An [`AccessLog`] observes an edge. When an exchange has ended (after the last byte, an error, a panic, or
//! because the client went away) it writes one line, exactly once: of JSON, or for people. Clients see
//! nothing of it.
//!
//! Lines go to a writer on a thread of its own: standard output, a file, or any [`Write`](std::io::Write). A
//! request puts its line together and adds it to a buffer, of 8 MiB at most; it never waits for a disk or a
//! pipe. When the buffer is full lines are dropped, and counted. Or lines go [through
//! `tracing`](AccessLog::to_tracing), and what that does is the subscriber's.
//!
//! # The line
//!
//! Names are those of OpenTelemetry's semantic conventions where they have one. A field that is not known is
//! left out.
//!
//! | field | what | unit, bound |
//! |---|---|---|
//! | `timestamp` | when the exchange ended | RFC 3339, UTC, milliseconds |
//! | `level` | `ERROR`: a status of 5xx, a panic, an error of the service or the body; `WARN`: refused, or timed out, with another status; else, and for a probe of health, `INFO` | |
//! | `target` | `portcullis::access`, to tell these lines from others in one stream | |
//! | `request_id` | the request's [ID](crate::RequestId) | 128 bytes |
//! | `trace_id`, `span_id` | the trace, and the exchange's own span, where an observer sets one | 32 and 16 hexadecimal digits |
//! | `client.address` | the [client](crate::ClientIp), or else the peer | an IP address |
//! | `network.peer.address`, `network.peer.port` | the [peer](crate::PeerAddr) | |
//! | `http.request.method` | as it was sent | 32 bytes |
//! | `http.route` | the template of the route | 1,024 bytes |
//! | `url.path`, `url.query`, `url.scheme` | what was asked for, without [secrets](#security-considerations) | 1,024 bytes each |
//! | `server.address`, `server.port` | the host, and its port or that of the scheme | 1,024 bytes |
//! | `network.protocol.version` | `1.0`, `1.1`, `2`, `3` | |
//! | `user_agent.original`, `http.request.header.referer` | without secrets | 1,024 bytes each |
//! | `http.request.header.NAME` | a header that was [chosen](AccessLogBuilder::request_header); several values are joined with commas | 1,024 bytes |
//! | `http.request.body.size` | what the body declared, or what was read of it | bytes |
//! | `http.response.status_code` | unless the exchange ended before there was one | |
//! | `http.response.body.size` | what was handed to the server | bytes |
//! | `time_to_head_ms` | from the request's head to the response's head | milliseconds, with three decimals |
//! | `duration_ms` | from the request's head to the last byte | milliseconds, with three decimals |
//! | `outcome` | [`complete`, `client_gone`, `timed_out`, `panicked`, `refused`, `service_error`, `body_error`](portcullis_core::Outcome::as_str) | |
//! | `error.type` | [what went wrong](crate::Exchange::error_type), if something did | |
//! | `upgraded` | `true` for a connection that became something else, such as a WebSocket | |
//! | `user.id`, `auth.scheme`, `auth.key_id` | who asked, how they came in, and with which key | 1,024 bytes each |
//! | `refusal.kind`, `refusal.layer` | the [kind](crate::RejectionKind::slug) of a refusal, and which layer refused | |
//! | `refusal.reason`, `refusal.subject` | why credentials were refused, and whose the client said they were | 128 bytes |
//! | `refusal.policy` | the policies of a quota that was spent | 1,024 bytes |
//!
//! Bounds are those of a text before it is escaped; a line is at most 128 KiB. Through `tracing` the chosen
//! headers are one field, `http.request.headers`, since a place in the code has the same fields always.
//!
//! The line for people has the time, the method, the path and the query, the status, the duration, the size,
//! the outcome unless it is `complete`, and the client, the caller, both IDs, the user agent, and the headers
//! that were chosen.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis::{Edge, access_log::AccessLog};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = AccessLog::to_stdout()
//!     .request_header("x-tenant")
//!     .sample_successes(0.1)
//!     .build()?;
//! let edge = Edge::new().access_log(log.clone()).build()?;
//! # let _ = edge;
//!
//! // When the server has stopped:
//! log.flush(Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Among observers it does not matter: the line is written at the end, when all is known that others set. In
//! front of an edge are no other services that answer: what they answer has no line.
//!
//! # Configuration
//!
//! | method | default | why | changes at run time |
//! |---|---|---|---|
//! | [`AccessLog::to_stdout`], [`to_file`](AccessLog::to_file), [`to_writer`](AccessLog::to_writer), [`to_tracing`](AccessLog::to_tracing) | | where lines are read is known to nobody else | a renamed file is [opened anew](AccessLog::reopen) |
//! | [`AccessLogBuilder::without_probes`] | they have lines, at `INFO` | whether a process is asked can be seen | no |
//! | [`AccessLogBuilder::human`], [`human_in_colour`](AccessLogBuilder::human_in_colour) | JSON | machines read it | no |
//! | [`AccessLogBuilder::request_header`] | none, 8 at most | a field may have personal data | no |
//! | [`AccessLogBuilder::sample_successes`] | all | | no |
//! | [`AccessLogBuilder::capacity`] | 8 MiB | a pipe that is stuck for a second, at 15,000 requests a second | no |
//! | [`AccessLogBuilder::clock`] | the system's | | |
//!
//! Sampling looks at the last 56 bits of the trace's ID, so that services that sample the same share keep the
//! same traces; where there is no trace, or an untrusted peer chose its ID, at the request's ID.
//!
//! A server that [has the edge](crate::serve::Server::edge) waits when it has stopped, 5 seconds at most, until
//! all lines are written. With another one, [flush](AccessLog::flush) then: when the last handle is dropped,
//! what waits is written, if that takes no longer than a second, and that blocks the thread that drops it.
//!
//! # Rejections
//!
//! None.
//!
//! # Telemetry
//!
//! | metric | | |
//! |---|---|---|
//! | `portcullis_access_log_dropped` | total | lines that were lost: the buffer was full, or they could not be written |
//! | `portcullis_access_log_waiting_bytes` | gauge | bytes that are not written yet |
//!
//! An edge shows them to its observers; the log is a [`Counts`](crate::Counts) too. The first line that is
//! dropped and the first write that fails are logged, and then one of each at most once a minute. A write that
//! fails is not tried again. A line of which only a part was written is ended before the next.
//!
//! # Security considerations
//!
//! - **Nothing that a client writes forges a line, or reaches a terminal.** In JSON all but visible ASCII is
//!   escaped: control characters and escapes of terminals, separators of lines and paragraphs, marks that turn
//!   a text's direction. What is no UTF-8 is U+FFFD. Lines for people and fields of `tracing` are
//!   [escaped](portcullis_core::observe::Escaped).
//! - **Secrets** in [queries](portcullis_core::observe::redacted_query),
//!   [paths](portcullis_core::observe::redacted_path), referrers and user agents are `REDACTED`: by name in
//!   queries, by their form everywhere. A secret without a form of its own in a path is not found: keep them
//!   out of paths.
//! - **Headers** are there by name only. `Authorization`, `Cookie` and what is named like a secret are refused
//!   when the log is built.
//! - **Personal data** is in lines: addresses, user agents, paths. Keep them as long as you may.
//! - A flood of requests is a flood of lines. Sample successes, rotate the file; refusals are never sampled.

mod builder;
mod event;
mod fields;
mod human;
mod json;
mod log;
mod queue;
mod sampling;
#[cfg(test)]
mod tests;
mod worker;

pub use self::{
    builder::{AccessLogBuilder, DEFAULT_CAPACITY},
    log::{AccessLog, Unwritten},
};
