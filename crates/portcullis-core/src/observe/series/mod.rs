//! Series of metrics, found once and then again without a lock or an allocation.
//!
//! What is counted of exchanges is told apart by a closed set of labels, which no client chooses:
//! the method by a list of known ones, the route by the framework's template, the status, the
//! scheme, and the [`error_type`](super::Exchange::error_type) by name. A way out keeps something
//! for each series (a histogram's handle, a bound instrument), and these tables find it:
//!
//! | table | of | a series for each |
//! |---|---|---|
//! | [`ExchangeTable`] | exchanges that have ended | method, route, status, scheme and error |
//! | [`ActiveTable`] | exchanges under way | method and scheme |
//! | [`RefusalTable`] | refusals | layer, reason and policy |
//!
//! # Bounds
//!
//! After 1,000 routes, of which none known is one, further ones are `_OTHER`. After [`Limits::series`] series of exchanges, what
//! would be a new one is counted with the route and the method `_OTHER`, and keeps its error
//! or its status, so that rates of errors stay true: one that has an error without a status (`panic`)
//! loses the status. A status outside of 100 to 599 is none, with the
//! error `_OTHER`. After 1,000 series of refusals, new ones have the policy `_OTHER`.
//!
//! # Example
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! use portcullis_core::{
//!     Exchange, Observer,
//!     observe::series::{ExchangeTable, Limits},
//! };
//!
//! struct Counted(ExchangeTable<AtomicU64>);
//!
//! impl Observer for Counted {
//!     fn end(&self, exchange: &Exchange) {
//!         self.0.with(exchange, |count| count.fetch_add(1, Relaxed));
//!     }
//! }
//!
//! let counted = Counted(ExchangeTable::new(Limits::default(), |_| AtomicU64::new(0)));
//! assert_eq!(counted.0.all().len(), 0);
//! ```

use std::time::Duration;

use crate::Exchange;

mod active;
mod buckets;
mod exchanges;
mod labels;
mod methods;
mod refusals;
#[cfg(test)]
mod tests;

pub use self::{
    active::ActiveTable,
    buckets::Buckets,
    exchanges::{ExchangeTable, Limits},
    labels::ExchangeLabels,
    methods::Methods,
    refusals::{RefusalLabels, RefusalTable},
};

/// Returns the time that `http.server.request.duration` has: to the last byte of the response; where
/// the connection was upgraded, to the head of the response, so that connections that stay open for
/// hours are no slow requests.
#[must_use]
#[inline]
pub fn request_duration(exchange: &Exchange) -> Duration {
    match exchange.time_to_head() {
        Some(to_head) if exchange.is_upgraded() => to_head,
        _ => exchange.duration(),
    }
}

/// What stands for a value that is not told apart any more.
pub const OTHER: &str = "_OTHER";
