//! Outgoing calls that survive a bad upstream.
//!
//! # What happens
//!
//! [`Outbound`] makes one layer of four, around any Tower client: a `Service<http::Request<B>>` whose
//! response is an `http::Response`. Outermost first, and each also alone:
//!
//! | layer | | above the next because |
//! |---|---|---|
//! | [`DeadlineLayer`] | ends the whole call in time | waits and tries all spend of one deadline |
//! | [`RetryLayer`] | makes a failed call again | the breaker must count each try, and refuse one |
//! | [`BreakerLayer`] | refuses calls of an upstream that fails | a try that timed out is a failure |
//! | [`TryTimeoutLayer`] | ends one try in time | |
//!
//! **Breaker.** Each upstream has its own, by default by the authority of the request. Closed, it admits
//! all calls. A response of 429 or from 500 on, an error, and a slow call are failures; so many in a row,
//! or such a part of the calls in a window, open it. 429 and 503 with `Retry-After` (RFC 9110, section
//! 10.2.3) open it at once for that time, up to a cap. Open, it refuses calls without sending them. Once
//! the time is over it is half-open: so many probes at once are admitted. When enough of them succeeded it
//! is closed; one that fails opens it again. A probe that is dropped gives its place to the next, and a
//! call that began before a change of state does not count after it.
//!
//! **Retries.** Only idempotent methods (RFC 9110, section 9.2.2), requests marked [`Idempotent`], and
//! errors known to be [`Unsent`](Retryable::Unsent) are retried; only a body that can be made again, by
//! `Clone` or a closure, from before it was sent: a stream never is. Waits are exponential with full
//! jitter; `Retry-After` is waited for beside. A retry that would come after the deadline is not made, nor
//! one that the budget does not pay for: the last response or error is returned as it is. What the breaker
//! refused is not retried.
//!
//! **Time limits** are for the head of a response, and the breaker judges by it. A body may last, and end
//! in the middle.
//!
//! The inner service's error is kept as it is, in [`CallError::Inner`]; nothing is boxed.
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering::Relaxed}};
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use portcullis::outbound::{Outbound, BreakerState};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//! let flaky = service_fn(|_: Request<Full<Bytes>>| async {
//!     let mut response = Response::new(());
//!     if CALLS.fetch_add(1, Relaxed) == 0 {
//!         *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!     }
//!     Ok::<_, Infallible>(response)
//! });
//! let outbound = Outbound::new().build()?;
//! let client = outbound.layer(flaky);
//!
//! let request = Request::get("http://api.example/").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(CALLS.load(Relaxed), 2);
//! let breaker = outbound.breaker().ok_or("off")?;
//! assert_eq!(breaker.state("api.example"), BreakerState::Closed);
//! # Ok(())
//! # }
//! ```
//!
//! In a handler, the call gets what is left of the request's own deadline, and a refusal becomes a
//! [`Rejection`](crate::Rejection) with [`CallError::rejection`], which an axum handler returns in
//! `portcullis_axum::Refused`:
//!
//! ```
//! use http::Request;
//! use portcullis::{Deadline, Facts};
//!
//! fn onward<B>(incoming: &Request<B>) -> Request<()> {
//!     let mut outgoing = Request::new(());
//!     if let Some(deadline) = Facts::of(incoming.extensions()).get::<Deadline>() {
//!         outgoing.extensions_mut().insert(deadline.clone());
//!     }
//!     outgoing
//! }
//! ```
//!
//! # In hyper and reqwest
//!
//! hyper-util's client is a Tower service as it is; `outbound.layer(client)` is all. Where its error
//! tells that no connection was made, a POST may be retried too:
//!
//! ```text
//! RetryConfig::new().errors(|error: &legacy::Error| {
//!     if error.is_connect() { Retryable::Unsent } else { Retryable::IfIdempotent }
//! })
//! ```
//!
//! reqwest has its own requests; these lines make them of `http`'s, and keep its error:
//!
//! ```text
//! let client = service_fn(move |request: http::Request<Bytes>| {
//!     let client = client.clone();
//!     async move {
//!         let response = client.execute(request.try_into()?).await?;
//!         Ok::<_, reqwest::Error>(http::Response::from(response))
//!     }
//! });
//! ```
//!
//! # Order
//!
//! Within, the order of the table above. Outside of whatever signs or traces each try, and around the client itself. A limit of calls at once
//! goes outside too, so that waits between tries do not free a place.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Outbound::deadline`] | 30 s | what [`Edge`](crate::Edge) gives a request |
//! | [`Outbound::try_timeout`] | 10 s | leaves time for another try |
//! | [`Outbound::deadline_header`] | none | HTTP has no such field; `grpc-timeout` is gRPC's |
//! | [`RetryConfig::retries`] | 3 | four tries in all; more rarely help |
//! | [`RetryConfig::backoff`] | 100 ms, at most 5 s | a restart, and a load balancer's notice |
//! | [`RetryConfig::retry_after_cap`] | 10 s | a caller waits no longer |
//! | [`RetryConfig::budget`] | 1 for 5 calls, and 1/s | an upstream that fails gets a fifth more calls, not four times as many |
//! | [`RetryConfig::retry_if`] | 429, 502, 503, 504 | 500 mostly is a bug, and stays |
//! | [`RetryConfig::replay`] | `Clone` | |
//! | [`RetryConfig::errors`] | all, if idempotent | not every error tells whether it was sent |
//! | [`BreakerConfig::failures`] | 5 in a row | one upstream of several that is down is no reason |
//! | [`BreakerConfig::failure_rate`] | 0.5 | half of the calls fail |
//! | [`BreakerConfig::window`], [`min_calls`](BreakerConfig::min_calls) | 10 s, 20 | fewer calls are no rate |
//! | [`BreakerConfig::slow_call`] | 5 s | half the limit of a try; also finds what callers give up on, where they wait longer |
//! | [`BreakerConfig::open_for`] | 5 s | soon enough, and rare enough |
//! | [`BreakerConfig::retry_after_cap`] | 60 s | an upstream's mistake is not for ever |
//! | [`BreakerConfig::probes`] | 1 at once | what just came back is weak |
//! | [`BreakerConfig::successes`] | 2 | one may be luck |
//! | [`BreakerConfig::max_keys`] | 1024 | some hundred KiB; callers may choose hosts |
//! | [`BreakerConfig::key_by`] | the authority | what fails is mostly a host |
//! | [`BreakerConfig::failure_if`] | 429, from 500 on | others say that the request is wrong |
//!
//! # Telemetry
//!
//! [`Breaker`], [`RetryLayer`] and [`OutboundLayer`] are sources of [`Counts`](crate::Counts), summed over
//! all upstreams: an upstream is no label, as callers may choose it.
//!
//! | metric | |
//! |---|---|
//! | `portcullis_breaker_succeeded_total`, `_failed_total`, `_slow_total`, `_cancelled_total` | tries, by what came of them |
//! | `portcullis_breaker_refused_total` | tries that were not made |
//! | `portcullis_breaker_opened_total` | |
//! | `portcullis_breaker_not_closed` | upstreams whose breaker is open or half-open |
//! | `portcullis_breaker_overflow_total` | calls of upstreams that had no place |
//! | `portcullis_retries_made_total`, `portcullis_retries_over_budget_total` | |
//!
//! Each change of a breaker's state is one event (target `portcullis`) with the `upstream`: `WARN` when it
//! opens, with the `reason` and the `wait`, `INFO` when it is half-open or closed. A retry is a `DEBUG` event.
//!
//! For `/ready`, [`Breaker::check`] fails only while the breaker is open. Let it decide readiness only where a
//! process without that upstream has nothing to answer with.
//!
//! # Security considerations
//!
//! Where a client chooses the upstream (webhooks), it can fill the table of breakers: it is bounded, and
//! calls without a place are made without a breaker. The user's name and password of a URI are neither key
//! nor logged. An upstream chooses how long `Retry-After` opens the breaker: up to the cap, for itself only.
//!
//! A response that is retried is dropped with its body unread, which may close its connection.

mod breaker;
mod builder;
mod deadline;
mod deadline_header;
mod error;
mod flatten;
mod layer;
mod retry;
mod retry_after;
#[cfg(test)]
mod tests;
mod time_limit;

pub use self::{
    breaker::{
        Breaker, BreakerConfig, BreakerFuture, BreakerLayer, BreakerService, BreakerState,
        CallCounts,
    },
    builder::Outbound,
    deadline_header::DeadlineHeader,
    error::{CallError, Open},
    flatten::{Flatten, FlattenFuture, FlattenLayer},
    layer::{OutboundLayer, OutboundService},
    retry::{
        AnyError, ByClone, Idempotent, Judge, OfCall, Replay, RetryConfig, RetryLayer, RetryPolicy,
        Retryable, Wait, if_empty,
    },
    time_limit::{DeadlineLayer, TimedFuture, TryTimeout, TryTimeoutLayer, WithDeadline},
};
