//! What watches an exchange.
//!
//! Spans, metrics and access lines need the same life cycle: head, last byte, client gone, panic,
//! body error, and then exactly one end. An edge has it. An [`Observer`] only says what to do when
//! an [`Exchange`] begins, and when it has ended.
//!
//! # What an observer sees
//!
//! | the exchange ends | [`Outcome`] | [`error_type`](Exchange::error_type) |
//! |---|---|---|
//! | with the last byte of the body, or the head where there is no body | `Complete` | the status if 5xx |
//! | with the last byte of a refusal | `Refused`, with its kind | the status if 5xx |
//! | because its time was up, of the application or of the request's body | `TimedOut` | `timeout` |
//! | with a panic, in the application or in the body | `Panicked` | `panic` |
//! | because the client went away, before the head or during the body | `ClientGone` | `client_disconnect` |
//! | because the client closed a stream of events, which has no other end | `Complete` | |
//! | with an error in place of a response | `ServiceError` | `service_error` |
//! | with an error in the response's body | `BodyError` | `body_error` |
//! | with the end of a connection that was upgraded, such as a WebSocket | `Complete` | |
//!
//! # Example
//!
//! ```
//! use std::sync::mpsc::SyncSender;
//!
//! use http::request;
//! use portcullis_core::{Exchange, Observer, Scope};
//!
//! struct Log(SyncSender<String>);
//!
//! impl Observer for Log {
//!     fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
//!         exchange.keep_head(head);
//!         None
//!     }
//!
//!     fn end(&self, exchange: &Exchange) {
//!         let (method, path) = (exchange.method(), exchange.path().unwrap_or_default());
//!         let _ = self.0.try_send(format!("{method} {path}: {} bytes", exchange.response_bytes()));
//!     }
//! }
//! ```

pub mod series;

mod escaped;
mod exchange;
mod head;
mod method;
mod observer;
mod outcome;
mod panic;
mod probe;
mod redact;
mod route;
mod trace;
mod upgraded;
mod version;

pub use self::{
    escaped::{Escaped, is_hidden},
    exchange::Exchange,
    method::known_method,
    observer::{Enter, Observer, Scope},
    outcome::Outcome,
    panic::Panic,
    probe::Probe,
    redact::{is_secret_name, redacted_path, redacted_query, redacted_text, redacted_url},
    route::Route,
    trace::{HexId, TraceContext, TraceLink},
    upgraded::Upgraded,
    version::protocol_version,
};
