//! Counts what browsers report of violated policies.
//!
//! # What happens
//!
//! Browsers are told to send reports to a path of this server. A POST to it with
//! `application/reports+json` (Reporting API, section 3.4) or `application/csp-report` (CSP Level 3,
//! section 5.3) is answered with 204 and an empty body, whatever is in it; another type with 415.
//! Other methods are passed on.
//!
//! The body is read after the response, in a task of its own: at most 64 KiB, or one piece more, in at
//! most 5 seconds, of at most 64 requests at once. It is counted and thrown away.
//!
//! [`Edge::reports`](crate::Edge::reports) also adds `Reporting-Endpoints` and, to each policy of [secure
//! headers](crate::secure_headers) that does not say where reports go, `report-uri`; over https also
//! `report-to`, which browsers heed on secure pages only and then instead of the former. [By
//! type](crate::secure_headers::SecureHeaders::by_type) only pages get them: data and files load
//! nothing. A policy that `with` or a handler sets is not changed.
//!
//! # Example
//!
//! ```
//! use portcullis::{
//!     Edge,
//!     reports::Reports,
//!     secure_headers::{Csp, SecureHeaders},
//! };
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! let edge = Edge::new()
//!     .secure_headers(SecureHeaders::page().report_only(Csp::strict()))
//!     .reports(&Reports::new())
//!     .build()?;
//! println!("{}", edge.explain());
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below rate limits, so that reports spend quota as any request does, and above authentication, as
//! browsers send them without a key. The limit of bodies does not concern them. A check of origins in
//! the slot above must let them pass: of a page with an opaque origin they say `Origin: null`.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Reports::at`] | [`DEFAULT_PATH`] | a path that applications don't have |
//!
//! # Telemetry
//!
//! | metric | labels | |
//! |---|---|---|
//! | `portcullis_browser_reports` | `type` | reports, of which there may be many in a request |
//! | `portcullis_csp_violations` | `directive`, `disposition` (`enforce`, `report`) | |
//! | `portcullis_browser_reports_lost` | `reason` (`unreadable`, `busy`) | requests of which something was not counted: no reports, too long, too slow, broken off; too many at once |
//!
//! A name that is not known, or missing, is counted as `other`. The first violation is logged, and then one at most
//! once a minute: the directive, the disposition, how many there were. Nothing else of a report is
//! logged or shown.
//!
//! # Security considerations
//!
//! Anybody can send reports: the numbers are hints. What is counted is of a fixed size, whatever is
//! sent.

mod guard;
mod labels;
mod parse;
mod tally;
#[cfg(test)]
mod tests;

pub use self::guard::{DEFAULT_PATH, Reports};
use crate::engine::Alone;

/// Counts what browsers report. See the [module docs](self) for an example.
pub type ReportsLayer = Alone<Reports>;
