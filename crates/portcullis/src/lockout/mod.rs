//! Failed attempts cost: whoever guesses is locked out.
//!
//! # What happens
//!
//! Five failed attempts to authenticate lock a client address out: everything that needs authentication
//! is answered with 429 and `Retry-After`, a right key too. The lock is a minute, doubles with each further
//! failure, and is an hour at most. Failures are forgotten when there was none for 15 minutes after the
//! last lock. A success forgets nothing: who has one key could reset the count with it.
//!
//! A failure is what a guesser meets: a wrong or unknown key, a bad signature, also one that is known for bad
//! when the body was read. It is none to come without credentials or with several, with some that were right
//! once and have expired, with a signature that was used before, nor with a token of a key that its issuer may
//! have published just now.
//!
//! Other addresses are not locked out, whoever's key is tried. But a key id at which a hundred attempts failed,
//! from wherever, is under attack: from then on the first failure there locks an address out. Who has the right
//! key is let in all the same. Of tokens only addresses count: their key's id is that of the issuer.
//!
//! An IPv6 address counts by its /64.
//!
//! # Example
//!
//! ```
//! use portcullis::{Edge, api_key::Keys, lockout::Lockout};
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! # let keys = Keys::default();
//! let lockout = Lockout::default();
//! let edge = Edge::new()
//!     .api_keys(keys)
//!     .lockout(lockout.clone())
//!     // The application answers a wrong password with 401.
//!     .guard(portcullis::Slot::Authorization, lockout.logins(["POST /login"])?)
//!     .public(["POST /login"])
//!     .build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Around authentication, below the rate limit and above whatever looks at credentials.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Lockout::new`] | 5 failures, 1 min to 1 h, forgotten after 15 min ([`LockoutRule::default`](crate::LockoutRule)) | a person mistypes less often, a script more |
//! | [`Lockout::ids_after`] | 100 | NIST SP 800-63B, section 5.2.2: no more than a hundred in a row |
//! | [`Lockout::max_keys`] | 65,536 addresses, and as many ids | 1 MiB each, taken at construction |
//! | [`Lockout::shared`] | off | several processes count together |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`RateLimited`](crate::RejectionKind::RateLimited) | 429 | the address is locked out; with `Retry-After` |
//!
//! # Telemetry
//!
//! | metric | |
//! |---|---|
//! | `portcullis_lockout_failures_total` | failed attempts |
//! | `portcullis_lockout_locks_total` | failures that locked an address out, or longer |
//! | `portcullis_lockout_refused_total` | requests of addresses that were locked out |
//! | `portcullis_lockout_overflow_total` | failures that found no room, and lock nobody out |
//!
//! # Security considerations
//!
//! A table of fixed size has no room for everybody: who fails from more addresses than it holds is
//! not locked out with those that found none, and no neighbour is in their place. Attempts that are
//! judged at the same time are all judged before they count: [`in_flight`](crate::Edge::in_flight)
//! bounds how many those are.
//!
//! Clients behind one address are locked out together.
//!
//! Processes that [share](Lockout::shared) failures learn of a lock at their own next failure of that
//! address: no request waits for the store unless it failed. What is judged with the body counts in the
//! process that judged it.

mod bodies;
mod failures;
mod guard;
mod locked;
mod logins;
mod shared;
#[cfg(test)]
mod tests;

pub use self::{guard::Lockout, locked::Locked, logins::Logins, shared::MemoryFailures};
