//! One limit for several processes.
//!
//! # What happens
//!
//! Each request that this process does not know to be over is one round trip to a
//! [`QuotaStore`](crate::QuotaStore). What the store says is kept here too, so that a client that is over is refused
//! without asking, and so that this process can go on alone.
//!
//! When the store gives an error, or no answer in time, [`OnFailure`] decides. After three failures
//! in a row (those that wait at the same time have asked already) it is asked no more, but for one request a second, until that one succeeds. Each change
//! is one line in the log.
//!
//! Dry runs are counted in this process alone. What a request is [charged
//! afterwards](super::Policy::cost_after) is spent in the store too, as far as the quota there goes; nothing
//! is paid back, as a store only spends.
//!
//! In a store a quota is a policy's name and a key, the same text in every process: two limits over one
//! store that have policies of one name have one quota. (`RateLimit::new` calls its policy `default`.)
//! The partition key that a client sees (`pk`) is each process's own.
//!
//! [`SharedRateLimit::limit`] is the handle that changes policies while requests are served. A store
//! keeps the time at which a quota is whole, not how many requests were spent: after a change a client
//! that had to wait for so long still has to, for a window of the new quota at most.
//!
//! # Example
//!
//! ```
//! use portcullis::{Edge, Quota, rate_limit::{MemoryStore, OnFailure, RateLimit}};
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! // `portcullis_redis::RedisStore` in place of the memory of one process.
//! let store = MemoryStore::new(65_536);
//! let limit = RateLimit::new(Quota::per_second(10))
//!     .shared(store)
//!     .with_on_failure(OnFailure::Local);
//! let edge = Edge::new().rate_limit(limit).build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```

mod after;
mod breaker;
mod guard;
mod lease;
mod memory;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use self::{guard::SharedRateLimit, memory::MemoryStore, state::OnFailure};
