//! The stacks, as one table. A new row is one entry of its table:
//!
//! - a router: `Stack::route(name, what it has, constructor, request)`, where the constructor
//!   runs inside the runtime of a process of its own and the request is an [`Ask`], which also
//!   says what status must come back;
//! - a part that is no router: `Stack::step(name, what it has, constructor of a closure)`;
//! - to compare it with a peer, `Stack { peer: Some("peer: timeout"), ..Stack::route(..) }`;
//! - to measure it over loopback too, `.on_the_wire()`.
//!
//! Calls to others and layers alone have tables of their own. The goals of [`crate::goals`] find their
//! stacks by name.

mod calls;
mod layers;

use axum::http::StatusCode;

use self::{calls::CALLS, layers::LAYERS};
use crate::{
    ask::Ask,
    ours,
    peers::{self, alone, full},
    stack::Stack,
};

/// The stack that everything is compared with.
pub(crate) const BARE: &str = "bare axum";

/// Today's composition of peers, not sampled.
pub(crate) const PEERS_UNSAMPLED: &str = "peers, not sampled";

/// The same, every trace sampled.
pub(crate) const PEERS_SAMPLED: &str = "peers, sampled";

/// Our whole edge, not sampled.
pub(crate) const EDGE_UNSAMPLED: &str = "edge, not sampled";

/// The same, every trace sampled.
pub(crate) const EDGE_SAMPLED: &str = "edge, sampled";

/// governor's own check.
pub(crate) const PEER_CHECK: &str = "peer: limiter check";

/// Ours, below a layer that read the clock.
pub(crate) const CHECK_AT: &str = "limiter check, at a known time";

/// A service without a framework, to see what one layer adds.
pub(crate) const SERVICE: &str = "bare service";

/// The same below a rate limit.
pub(crate) const LIMITED_SERVICE: &str = "bare service, rate limit";

/// A client that answers at once.
pub(crate) const CLIENT: &str = "bare client";

/// The same below a breaker that is closed.
pub(crate) const CLIENT_BREAKER: &str = "bare client, breaker";

/// Our whole edge, with a limit that follows latency.
pub(crate) const EDGE_SHEDDING: &str = "edge, load shed";

/// Our edge without deadline, hygiene and load shedding.
pub(crate) const EDGE_WITHOUT: &str = "edge, without three";

/// Our whole edge, where everything is shed.
pub(crate) const EDGE_SHED: &str = "edge, shed";

/// Every stack, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Stack> {
    STACKS.iter().chain(CALLS).chain(LAYERS)
}

const STACKS: &[Stack] = &[
    Stack::route(BARE, "one route, no layer", peers::bare, Ask::PLAIN).on_the_wire(),
    Stack::route(
        "no-op layer",
        "tower's `Identity`: what one `Router::layer` call costs by itself",
        peers::identity,
        Ask::PLAIN,
    ),
    Stack::route(
        PEERS_UNSAMPLED,
        "every peer below in one `Router::layer` call, no trace sampled",
        full::not_sampled,
        Ask::PLAIN.with_address(),
    )
    .on_the_wire(),
    Stack::route(
        PEERS_SAMPLED,
        "the same, every trace sampled and its span dropped when it ends",
        full::sampled,
        Ask::PLAIN.with_address(),
    )
    .on_the_wire(),
    Stack::route(
        "peers, 401",
        "not sampled, a request without a key",
        full::not_sampled,
        Ask::PLAIN
            .with_address()
            .with_key(None)
            .answered(StatusCode::UNAUTHORIZED),
    ),
    Stack::route(
        "peers, 429",
        "not sampled, the quota is spent",
        full::quota_spent,
        Ask::PLAIN
            .with_address()
            .answered(StatusCode::TOO_MANY_REQUESTS),
    ),
    Stack::route(
        "peer: request ID",
        "tower-http 0.7 `SetRequestId` (UUID v4) and `PropagateRequestId`",
        alone::request_id,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: catch panic",
        "tower-http 0.7 `CatchPanic`",
        alone::catch_panic,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: timeout",
        "tower-http 0.7 `Timeout`, 30 s",
        alone::timeout,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: body limit",
        "tower-http 0.7 `RequestBodyLimit`, 1 MiB",
        alone::body_limit,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: rate limit",
        "tower_governor 0.8, by peer address, with headers, nobody limited",
        alone::rate_limit,
        Ask::PLAIN.with_address(),
    ),
    Stack::route(
        "peer: trace, not sampled",
        "axum-tracing-opentelemetry 0.42 (request and response) over tracing-opentelemetry 0.34",
        alone::trace_not_sampled,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: trace, sampled",
        "the same, every trace sampled",
        alone::trace_sampled,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: metrics",
        "axum-prometheus 0.10",
        alone::metrics,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: secure headers",
        "axum-helmet 1.0, its defaults",
        alone::secure_headers,
        Ask::PLAIN,
    ),
    Stack::route(
        "peer: API key",
        "`from_fn` by hand: look-up by id, SHA-256, comparison in constant time",
        alone::api_key,
        Ask::PLAIN,
    ),
    Stack::step(
        PEER_CHECK,
        "governor 0.10 over DashMap, one check, 1,000 addresses in turn",
        alone::limiter_check,
    ),
    Stack::route(
        EDGE_UNSAMPLED,
        "our edge, every layer on, no trace sampled",
        ours::not_sampled,
        Ask::PLAIN.with_facts(),
    )
    .on_the_wire(),
    Stack::route(
        EDGE_SAMPLED,
        "the same, every trace sampled and its span dropped when it ends",
        ours::sampled,
        Ask::PLAIN.with_facts(),
    )
    .on_the_wire(),
    Stack {
        peer: Some("peers, 401"),
        ..Stack::route(
            "edge, 401",
            "not sampled, a request without a key",
            ours::not_sampled,
            Ask::PLAIN
                .with_facts()
                .with_key(None)
                .answered(StatusCode::UNAUTHORIZED),
        )
    },
    Stack {
        peer: Some("peers, 429"),
        ..Stack::route(
            "edge, 429",
            "not sampled, the quota is spent",
            ours::quota_spent,
            Ask::PLAIN
                .with_facts()
                .answered(StatusCode::TOO_MANY_REQUESTS),
        )
    },
    Stack::route(
        EDGE_SHEDDING,
        "not sampled, load is shed by latency, nobody shed",
        ours::shedding,
        Ask::PLAIN.with_facts(),
    ),
    Stack::route(
        EDGE_WITHOUT,
        "not sampled, without deadline, hygiene and load shedding",
        ours::without_three,
        Ask::PLAIN.with_facts(),
    ),
    Stack::route(
        EDGE_SHED,
        "not sampled, everything is shed",
        ours::all_shed,
        Ask::PLAIN
            .with_facts()
            .answered(StatusCode::SERVICE_UNAVAILABLE),
    ),
    Stack {
        peer: Some(PEER_CHECK),
        ..Stack::step(
            "limiter check",
            "`Limiter::check`, one check, 1,000 addresses in turn",
            ours::limiter_check,
        )
    },
    Stack {
        peer: Some(PEER_CHECK),
        ..Stack::step(
            CHECK_AT,
            "`Limiter::check_at`, the same with the request's reading of the clock",
            ours::limiter_check_at,
        )
    },
    Stack::step(
        SERVICE,
        "a service without a framework, facts in place",
        ours::service,
    ),
    Stack::step(
        LIMITED_SERVICE,
        "the same below `RateLimitLayer`, with headers, nobody limited",
        ours::limited_service,
    ),
    Stack::step(
        "bare service, load shed",
        "the same below `LoadShedLayer`, by latency, nobody shed",
        ours::shedding_service,
    ),
    Stack::step(
        "bare service, load shed, fixed",
        "the same with a fixed limit: what holding a place costs by itself",
        ours::fixed_service,
    ),
    Stack::step(
        "bare service, shed",
        "the same where all is shed",
        ours::shed_service,
    ),
    Stack::step("clone of the edge service", "everything on", ours::clone),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = all().map(|stack| stack.name).collect();

        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn peers_are_stacks() {
        for peer in all().filter_map(|stack| stack.peer) {
            assert!(Stack::find(peer).is_ok(), "{peer}");
        }
    }
}
