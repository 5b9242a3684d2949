//! The stack: every layer of an HTTP edge, in the one right order.
//!
//! # The order
//!
//! A request meets the guards from top to bottom, whatever the order of the calls that set them up.
//! Each has a [`Slot`]:
//!
//! | slot | above the next because |
//! |---|---|
//! | [client address](crate::client_ip) | everything below counts or records by address |
//! | [request ID](crate::request_id) | everything below logs it |
//! | [secure headers](crate::secure_headers) | every response gets them, a 401 and a 500 too |
//! | [hygiene](crate::hygiene) | nothing below should meet a request that two servers read differently |
//! | [health](crate::health) | probes spend no quota and need no key |
//! | [cross-origin](crate::cors) | preflights carry no key, and browsers must be able to read a 401 |
//! | [load shed](crate::load_shed) | refusing must be the cheapest thing |
//! | rate limit | guessing keys must cost |
//! | in flight | who waits for a response takes a place, known or not |
//! | limited health | for those who want probes to spend quota |
//! | [preflights](crate::cors) | browsers send them without a key, and they spend quota |
//! | [reports](crate::reports) | browsers send them without a key, and they spend quota |
//! | [body limit](crate::body_limit) | it comes before anything that reads a body |
//! | authentication | the application sees only known callers |
//! | authorization | it must be known who asks |
//!
//! Slots without a module here are for [guards of your own](Edge::guard). Around all guards are the
//! [observers](crate::observe), which begin once a request has its ID and see everything,
//! [panic recovery](crate::catch_panic) and the [deadline](crate::timeout).
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::Edge;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let edge = Edge::new().timeout(Duration::from_secs(5)).build()?;
//! println!("{}", edge.explain());
//!
//! let hello = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))) });
//! let request = Request::get("/").header("host", "localhost").body(Full::<Bytes>::default())?;
//! let response = edge.layer(hello).oneshot(request).await?;
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//! # Ok(())
//! # }
//! ```
//!
//! # Where it goes
//!
//! Around the whole application. What is added after it is outside: a route that an axum router gets
//! after its `layer(edge)` has no edge.
//!
//! [Public paths](Edge::public) and limited paths are compared with the path that the client asked
//! for. A router that is nested takes its prefix off; `portcullis_axum::edge` knows where the whole is,
//! with another router [`Edge::uri_from`] says it. A layer alone sees the path that it gets, and below an
//! edge both.
//! `/health`, `/ready` and `/live` are paths of the application that the edge is around: below
//! `nest("/api", ..)` they are `/api/health` and so on.
//!
//! # What the edge answers itself
//!
//! Refusals, with the status of each layer; probes, where there is [`health`](Edge::health), at its
//! paths; reports of browsers, where there are [`reports`](Edge::reports), at their path. The
//! application is not asked, also if it has a route there: [`explain`](EdgeLayer::explain) names the
//! paths. Nothing else is answered, and what is off leaves its paths to the application. A route
//! of exactly the path of a probe or of reports is noticed where [`Edge::route_from`] is set, and
//! logged once; what a Tower layer cannot see, it cannot notice.
//!
//! # Types
//!
//! Every edge has one type, whatever is on: `fn edge(config: &Config) -> Result<EdgeLayer,
//! ConfigError>`. What is off is not there and costs nothing. The inner service's request body is
//! [`RequestBody`](crate::body_limit::RequestBody).
//!
//! # Cost
//!
//! A clone of the whole edge is one `Arc`: the guards and a template of the inner service are behind
//! it. A request is taken apart once, and put together once.

mod build;
mod builder;
mod explain;
mod guards;
mod headers;
mod layer;
mod layer_guard;
mod setting;
mod slot;
#[cfg(test)]
mod tests;
mod ways;

#[cfg(feature = "rate-limit")]
pub use self::guards::{Limit, PrincipalLimit};
pub use self::{
    builder::Edge,
    explain::{Explanation, Line},
    layer::EdgeLayer,
    layer_guard::{LayerGuard, Passes},
    setting::{Bytes, DEFAULT_BODY_LIMIT, DEFAULT_TIMEOUT, Limits, Setting},
    slot::Slot,
};
pub use crate::engine::{
    Alone, BodyCount, BodyRefused, Content, EdgeBody, EdgeFuture, EdgeService, GuardLayer, Part,
    Plain, RequestBodies, ResponseBodies, Stack, Watched, Wrapped,
};
