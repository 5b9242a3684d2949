//! Reports of panics and 5xx responses, with their context, to a function or to `tracing`.
//!
//! # What happens
//!
//! [`ErrorReports`] observe an edge. When an exchange has ended that went wrong, they hand an
//! [`ErrorReport`] on: the request's ID, the trace, the method, the route, the status, who asked, and of a
//! panic its message, its place, and the calls that led to it, where `RUST_BACKTRACE` asks for them. Never a
//! body, a path, a query or a field.
//!
//! The client sees none of it: a problem with the request's ID, by which the report is found.
//!
//! | the exchange | [`ErrorKind`] |
//! |---|---|
//! | met a panic: in a guard, the application, or the response's body | `panic` |
//! | took too long: 503 or 504, or a body that gave nothing more | `timeout` |
//! | ended with an error of the service or of the response's body | `service_error`, `body_error` |
//! | has another 5xx status of the application's own, or a layer that was put together wrong | `status` |
//! | was refused with a 5xx status, since there was no capacity or something is down | `refused`, only [if wanted](ErrorReports::with_refusals) |
//!
//! A probe of health that says no is an answer, and not reported. A panic is also logged where it is caught,
//! as an event of its own.
//!
//! Not covered are panics outside of requests, in tasks that the application spawned, and those that the
//! application caught itself. The text of an error that the service or a body gave is not in a report: log it
//! where it is made.
//!
//! # Example
//!
//! ```
//! use portcullis::{Edge, error_report::ErrorReports};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reports = ErrorReports::new(|report| {
//!     // Sent to whoever collects errors. This thread may block.
//!     let id = report.request_id().map(ToString::to_string);
//!     let what = report.panic().map_or(report.kind().as_str(), |panic| panic.message());
//!     println!("{id:?}: {what}");
//! })?;
//! let edge = Edge::new().report_errors(reports).build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Among observers it does not matter.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`ErrorReports::new`] | | a function, called on a thread of its own |
//! | [`ErrorReports::to_tracing`] | | an event of the target `portcullis::errors` at `ERROR` |
//! | [`ErrorReports::with_refusals`] | off | under overload there are many, and metrics count them |
//!
//! # Rejections
//!
//! None.
//!
//! # Telemetry
//!
//! | metric | | |
//! |---|---|---|
//! | `portcullis_error_reports_dropped` | total | reports that were lost: 256 waited already |
//!
//! A panic of the function is caught, and logged at most once a minute. The event has the fields
//! `request_id`, `trace_id`, `span_id`, `error.type` (the kind), `http.request.method`, `http.route`,
//! `http.response.status_code`, `user.id`, `panic` and `location`. It has no backtrace: that is many lines.
//!
//! # Security considerations
//!
//! A panic's message has whatever was formatted into it, also from the client. In the event it is
//! [escaped](portcullis_core::observe::Escaped); a function should do the same, and send reports only where
//! they may be read.

mod observer;
mod report;
mod reporter;
#[cfg(test)]
mod tests;

pub use self::{
    observer::ErrorReports,
    report::{ErrorKind, ErrorReport},
};
