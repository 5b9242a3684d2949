//! Keys that are fetched from their issuer, and cannot stop the edge.
//!
//! [`RemoteKeys`] holds the last good set, which requests read without a lock. A task fetches the set
//! again in the background; no request waits for it, but for two:
//!
//! - one that finds no set at all, as long as the first fetch lasts;
//! - one whose token has an unknown `kid`, as long as the fetch lasts that it made necessary. There is at
//!   most one such fetch in 30 seconds; whoever comes with another unknown `kid` meanwhile is refused at
//!   once.
//!
//! At most 1024 requests wait at the same time, each no longer than a fetch may take.
//!
//! # What an issuer can do
//!
//! | it | then |
//! |---|---|
//! | is down, hangs, is slow | the last good set goes on; after 24 hours without a new one, 503 |
//! | answers another status than 200, or redirects | the same: nobody is followed |
//! | sends more than 256 KiB, garbage, no key, two keys of one id | the same: a set is taken whole or not at all |
//! | sends a weak key, or any that is private or a secret, whatever its type, `alg` and `use` | the same |
//! | adds a key | it is known after 5 minutes and a half at most, or with the first token that has it |
//! | takes a key away | its tokens are refused after 5 minutes and a half at most: the interval, and a tenth |
//!
//! What fails is tried again after 1, 2, 4 seconds and so on, up to 30. One line is logged when fetching
//! begins to fail, one when the set has become too old, and one when all is well again.
//!
//! # Where it runs
//!
//! The task is started by the first request, or by [`RemoteKeys::start`], on the runtime where that
//! happens. It ends with the last clone. Where its runtime ends first, the next request starts another.
//! Proxies that the environment names are not used.

mod builder;
mod fetch;
mod flight;
mod known;
mod refresh;
mod remote;
mod shared;

pub(super) use self::remote::Waiting;
pub use self::{builder::RemoteKeysBuilder, remote::RemoteKeys};
