//! Limits how often clients may send requests, and how many at the same time.
//!
//! # What happens
//!
//! Each key may spend a [`Quota`]: so many requests at once, refilled at a steady
//! rate, by the generic cell rate algorithm (ITU-T I.371, annex A) of the crate [`governor`],
//! in whole nanoseconds. A key is
//! what a [`Policy`] counts [by](KeyBy): a client address, its network, a principal, an API key,
//! what a function makes of the head, or nothing: one quota for all. IPv6 addresses count by their
//! /64, which is what one subscriber gets; those of a NAT64 (`64:ff9b::/96`, RFC 6052) by the IPv4
//! address in them. Without an address it is the peer: of [`serve`](crate::serve()), or where a layer
//! alone is [told](RateLimitLayer::peer_from) to look. Requests with neither share one quota, and a
//! warning says so once.
//!
//! A request may meet several policies. It is served if all of them allow it, and then spends from
//! all; otherwise it spends from none. A request over a quota is answered with a 429
//! [rejection](crate::Rejection) that names the policies, and `Retry-After`: whole seconds, rounded
//! up, at least 1, and later by a random time so that clients do not return together. Never
//! earlier: a client that waits that long is served.
//!
//! Every answer carries the quotas as in draft-ietf-httpapi-ratelimit-headers-10, as structured
//! fields (RFC 9651):
//!
//! ```text
//! ratelimit-policy: "second";q=10;w=1, "hour";q=1000;w=3600
//! ratelimit: "second";r=9;t=1;pk=:3q2+7wSp:, "hour";r=999;t=4;pk=:Zk0x9aQ1:
//! ```
//!
//! `q` is the burst, `w` the seconds in which it refills, `r` what is left of it, and `t` the
//! seconds until `r` grows again, or until the request would have been served. `pk` tells a client
//! which of its quotas it spent; it is a keyed hash, and says nothing of the key. A quota counts
//! requests unless `qu` says `content-bytes` or `concurrent-requests`.
//!
//! A policy may say what a request costs in the end, by what came of it: see
//! [`Policy::cost_after`] and [`Policy::content_bytes`]. It is charged when the response has ended, so that
//! the fields of that response do not know of it.
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
//! let service = RateLimitLayer::new(Quota::per_minute(1)).jitter(false).layer(hello);
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
//! Below [`client_ip`](crate::client_ip), which finds the address. By address: above
//! authentication, because guessing keys must cost. By principal: below it.
//!
//! # Configuration
//!
//! | method | default | why | changes at run time |
//! |---|---|---|---|
//! | [`RateLimitLayer::new`] | 10 requests/s, burst 10 ([`RateLimitLayer::default`]) | people never reach it, scripts do | yes |
//! | [`Policy::by`] | each address | what an attacker has least of | yes |
//! | [`Policy::paths`], `exempt_*` | all requests | | yes |
//! | [`Policy::cost`] | 1 | | yes |
//! | [`Policy::cost_after`], [`content_bytes`](Policy::content_bytes) | as before | | yes |
//! | [`Policy::key`], before [`tier`](Policy::tier), before the policy's own quota | none | exceptions are for few | yes |
//! | [`Policy::tier_by`] | by the principal's id | | yes |
//! | [`Policy::dry_run`] | off | | yes |
//! | [`RateLimit::max_keys`] | 65,536 in each policy | 1 MiB, taken at construction | no |
//! | [`RateLimit::headers`] | draft 10 | its wire form changes between drafts | no |
//! | [`RateLimit::legacy_headers`] | off | no standard says what they mean | no |
//! | [`RateLimit::jitter`] | on | clients that were refused together must not return together | no |
//!
//! [`RateLimit::set_policies`] changes policies while requests are served: keep a clone of the limit
//! that the edge has. A key has spent as many requests as before, and at most a burst, by its own
//! tier; a request that is being judged meanwhile counts too.
//!
//! Several processes share quotas through a store: see [`shared`]. Whoever has a limiter of the crate
//! governor already takes it along: see [`governed`].
//!
//! # Memory
//!
//! Each policy has a table of a fixed size: 16 bytes for each key that has spent something at the same
//! time, taken at construction. A key whose quota is whole is forgotten to make room. A key whose
//! quota is not whole is never forgotten: when its part of the table is full of those, further new
//! keys share one quota there until there is room, and begin with what is spent of it when there is;
//! `portcullis_rate_limit_overflow_total` counts them. Places are chosen by a hash that is keyed for this
//! process. A policy whose quotas change has another table, and keeps the old one until they change again
//! and everything has refilled in it: at most 16 of them.
//!
//! On a table for 1,048,576 keys, six million new addresses a second do not make a polite client be
//! refused; `docs/performance.md` has the figures.
//!
//! # Rejections
//!
//! [`RateLimited`](crate::RejectionKind::RateLimited), status 429 (RFC 6585, section 4), of the
//! problem type that the draft registers, with `violated-policies` naming the policies.
//!
//! # Telemetry
//!
//! [`RateLimit`] is a source of [`Counts`](crate::Counts), each with the label `policy`:
//!
//! | metric | |
//! |---|---|
//! | `portcullis_rate_limit_allowed_total` | requests that it counted and allowed, whatever another policy said |
//! | `portcullis_rate_limit_refused_total` | requests that it refused |
//! | `portcullis_rate_limit_dry_run_refused_total` | requests that it would have refused |
//! | `portcullis_rate_limit_overflow_total` | requests of new keys that shared a quota |
//! | `portcullis_rate_limit_table_bytes` | memory: it changes only when quotas do |
//!
//! In each minute an `INFO` event (target `portcullis`) for the first refusal of each of at most eight
//! keys of a policy, with the `key`; the `requests` that were refused beside are counted, and told when
//! the next minute's first is. Never one for each: anybody can send many. What a function makes of a
//! head is not told: it may be a secret.
//!
//! # Security considerations
//!
//! A limit by address is as good as the address: see [`client_ip`](crate::client_ip). A key that a
//! client chooses (a header that nobody verified) lets it have as many quotas as it likes, or spend
//! somebody else's.
//!
//! The hash that chooses places is fast and keyed, not cryptographic. Its values never leave the
//! process; what does (`pk`, to the client itself) is another hash of the key, with seeds of its own.

mod after;
mod charges;
mod clock;
mod decide;
mod fields;
pub mod governed;
mod guard;
mod in_flight;
mod key;
mod key_by;
mod limiter;
pub(crate) mod places;
mod policy;
mod quotas;
mod rate;
mod rules;
mod scope;
pub mod shared;
mod store;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod text;

use portcullis_core::{ConfigError, Quota};

pub use self::{
    fields::HeaderDraft,
    guard::RateLimit,
    in_flight::{InFlight, InFlightLayer},
    key::{Key, Prefixes},
    key_by::KeyBy,
    limiter::{Limiter, Timestamp},
    policy::Policy,
    rate::{Admitted, OverQuota},
    shared::{MemoryStore, OnFailure, SharedRateLimit},
};
use crate::engine::{Alone, Plain};

/// Limits how often clients may send requests. See the [module docs](self) for an example.
pub type RateLimitLayer = Alone<RateLimit, Plain>;

impl RateLimitLayer {
    /// Creates a layer that gives each client address `quota`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        RateLimit::new(quota).into()
    }

    /// Creates a layer that counts by several policies.
    ///
    /// # Errors
    ///
    /// Those of [`RateLimit::try_new`].
    pub fn try_new(policies: impl IntoIterator<Item = Policy>) -> Result<Self, ConfigError> {
        RateLimit::try_new(policies).map(Self::from)
    }

    /// See [`RateLimit::jitter`].
    #[must_use]
    pub fn jitter(self, on: bool) -> Self {
        self.map(|limit| limit.jitter(on))
    }
}

impl Default for RateLimitLayer {
    /// 10 requests/s, burst 10.
    fn default() -> Self {
        Self::new(Quota::per_second(10))
    }
}
