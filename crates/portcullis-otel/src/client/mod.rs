//! Outgoing calls: what they carry, their spans and their duration.

mod call;
mod layer;
#[cfg(test)]
mod tests;
mod url;

pub use self::layer::{ClientTraceFuture, ClientTraceLayer, ClientTraceService};
