//! Checks that many processes need.

mod heartbeat;
#[cfg(feature = "server")]
mod http;
mod memory;
mod queue;
#[cfg(feature = "server")]
mod tcp;
#[cfg(test)]
mod tests;

pub use self::heartbeat::Heartbeat;
