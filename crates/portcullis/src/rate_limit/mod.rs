//! Limits how often an address may send requests.
//!
//! # What happens
//!
//! Each client address may spend a [`Quota`](crate::Quota): so many requests at once, refilled at a
//! steady rate (the generic cell rate algorithm, as in [`governor`]). IPv6 addresses count by their
//! /64, which is what one subscriber gets. Requests without a known address share one quota.
//!
//! A request over the quota is answered with a 429 [rejection](crate::Rejection) and
//! `Retry-After`: whole seconds, rounded up, never 0. A client that waits that long is served.
//!
//! Every answer carries the quota as in draft-ietf-httpapi-ratelimit-headers-10:
//!
//! ```text
//! ratelimit-policy: "default";q=10;w=1
//! ratelimit: "default";r=9;t=1
//! ```
//!
//! `q` is the burst, `w` the seconds in which it refills, `r` what is left of it, and `t` the
//! seconds until `r` grows again; on a 429 it is `Retry-After`.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::{Quota, rate_limit::RateLimitLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = RateLimitLayer::new(Quota::per_minute(1)).layer(hello);
//!
//! assert_eq!(service.clone().oneshot(Request::default()).await?.status(), 200);
//! let refused = service.oneshot(Request::default()).await?;
//! assert_eq!(refused.status(), 429);
//! assert_eq!(refused.headers()["retry-after"], "60");
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below [`client_ip`](crate::client_ip), which finds the address. Above authentication: guessing
//! keys must cost.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`RateLimitLayer::new`] | 10 requests/s, burst 10 ([`RateLimitLayer::default`]) | people never reach it, scripts do |
//! | [`RateLimitLayer::max_keys`] | 65,536 addresses | 1.2 MiB, made at construction |
//! | [`RateLimitLayer::headers`] | draft 10 | its wire form changes between drafts |
//!
//! # Memory
//!
//! The table has a fixed size. An address whose quota is whole again is forgotten to make room. An
//! address whose quota is not whole is never forgotten: when its part of the table is full of
//! those, further new addresses share one quota there, until there is room. Buckets are chosen by
//! a keyed hash, so that nobody can aim at one.
//!
//! # Rejections
//!
//! [`RateLimited`](crate::RejectionKind::RateLimited), status 429 (RFC 6585, section 4), with
//! `violated-policies` naming the policy.

mod clock;
mod counters;
mod gcra;
mod guard;
mod in_flight;
mod key;
mod key_by;
mod layer;
mod limiter;
mod policy;
mod report;
mod rules;
mod scope;
pub mod shared;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use self::{
    guard::{RateLimit, Spent},
    in_flight::{InFlight, InFlightLayer, Place},
    key::{Key, Prefixes},
    key_by::KeyBy,
    layer::RateLimitLayer,
    limiter::{Admitted, Limiter, Moment, OverQuota},
    policy::Policy,
    report::HeaderDraft,
    shared::{MemoryStore, OnFailure, SharedRateLimit},
};
