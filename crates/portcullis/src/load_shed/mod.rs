//! Answers at once what would wait too long.
//!
//! # What happens
//!
//! A service that is asked for more than it can do gets slower with each request that waits in it, until
//! clients give up before they are answered, and all its work is lost. Here only so many requests
//! are in flight at the same time. What is more is answered with 503 and `Retry-After`, at once and
//! without a [queue](LoadShed::queue), and what is admitted is served as quickly as ever.
//!
//! A request is in flight until the server has taken the last byte of its answer, or until the client
//! is gone. How many may be is [fixed](LoadShed::fixed), or [follows latency](LoadShed::adaptive):
//!
//! - Latency is measured from admission to the head of the response. A slow download is none, nor is a
//!   stream of events. What is refused below, what fails and what is given up is not measured; what is
//!   late for the deadline is. Of a window the first 64 requests are measured, and one in eight of the
//!   others.
//! - The median of a window (100 ms, or ten responses, but at most a second) is compared with that of a
//!   service without a queue. The limit is divided by what the median is above one and a half times
//!   that, by two at most, and rises by its square root, or by a quarter where there is no sign of a
//!   queue. So it rests where the median is somewhat more than half above, and falls where it is far.
//! - A limit that was not reached is not lowered. One that was lowered is back at its initial value
//!   within two seconds once load falls.
//! - A runtime that is late lowers the limit as well, and memory that runs out, where that is
//!   [asked](LoadShed::memory).
//! - What a service without a queue takes is learned while load is low, and, every ten seconds in
//!   which requests are shed anyway, by halving the limit as long as that makes the service quicker.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::load_shed::{LoadShed, LoadShedLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let hello = service_fn(|_: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = LoadShedLayer::from(LoadShed::fixed(1)).layer(hello);
//!
//! let first = service.clone().oneshot(Request::new(Full::default())).await?;
//! let second = service.clone().oneshot(Request::new(Full::default())).await?;
//! assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 503));
//! assert!(second.headers().contains_key("retry-after"));
//!
//! drop(first);
//! assert_eq!(service.oneshot(Request::new(Full::default())).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! With axum: `Router::new().layer(LoadShedLayer::from(LoadShed::adaptive()))`, or
//! `edge.load_shed(LoadShed::adaptive())`.
//!
//! # Order
//!
//! Above all that costs: limits, keys, bodies. Below the [probes](crate::health) of an edge, which
//! are answered however much is shed: a server that sheds is alive. As a layer by itself it counts
//! probes as all requests.
//!
//! An edge has it only when it is told: what a service can do at the same time is not known before it
//! was measured, and one that waits for others (a chat, long polling) may rightly have more in flight
//! than any default.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`LoadShed::fixed`] | | where the number is known, such as that of connections to a database |
//! | [`LoadShed::adaptive`] | | where it is not |
//! | [`LoadShed::bounds`] | 4, 128 at first, 10,000 | fewer than 4 leave a core idle; 128 wait for milliseconds in a service that is quick; more than 10,000 is memory |
//! | [`LoadShed::queue`] | 0 | what waits here is as late as what waits below; a few milliseconds even out a burst |
//! | [`LoadShed::lag`] | 100 ms for an adaptive limit, else off | requests wait before they are admitted too, where no latency is measured |
//! | [`LoadShed::memory`] (part of the cgroup's limit) | off | whose limit that is only the application knows |
//! | [`LoadShed::partition`] (share of the limit) | none: all requests are one | only the application knows who must be served |
//!
//! # Rejections
//!
//! [`Overloaded`](crate::RejectionKind::Overloaded), status 503 (RFC 9110, section 15.6.4), of the
//! problem type `temporary-reduced-capacity` that draft-ietf-httpapi-ratelimit-headers-10 registers, with
//! `Retry-After` of one, two or three seconds in turn, so that clients do not return together, and
//! `no-store`.
//!
//! # Telemetry
//!
//! As [`Counts`](crate::Counts):
//!
//! | metric | |
//! |---|---|
//! | `portcullis_load_shed_limit` | how many requests may be in flight |
//! | `portcullis_load_shed_admitted_total` | requests that were admitted |
//! | `portcullis_load_shed_in_flight` | how many are |
//! | `portcullis_load_shed_refused_total` | requests that were shed, by `reason`: `limit`, `lag`, `memory`, `queue` |
//!
//! Where there are partitions, requests in flight and shed have the label `partition`.
//!
//! At most once in a minute a `WARN` event (target `portcullis`), with the `reason`, the limit, and how
//! many `requests` were shed since the last. What an edge [explains](crate::edge::EdgeLayer::explain)
//! has the limit that is in force.
//!
//! # Security considerations
//!
//! Whoever holds many slow requests holds places: let [`in_flight`](crate::rate_limit::InFlight) bound
//! those of each client, and [`serve`](crate::serve()) how slowly a client may read. A client that sends
//! its body slowly makes the service look slow; medians are not moved by a few of them.
//!
//! # See also
//!
//! `docs/adr/019-shedding-by-latency.md` has the reasons of the algorithm and its sources.

mod adaptive;
mod bounds;
mod gauge;
mod guard;
mod latencies;
mod law;
mod partitions;
mod queue;
mod refuse;
mod settings;
mod shared;
mod signals;
mod tally;
#[cfg(test)]
mod tests;

pub use self::guard::LoadShed;
use crate::engine::{Alone, Plain, Wrapped};

/// Sheds load. See the [module docs](self) for an example.
pub type LoadShedLayer = Alone<LoadShed, (Plain, Wrapped)>;
