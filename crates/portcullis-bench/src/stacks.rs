//! The stacks, as one table. A new row is one entry of [`STACKS`]:
//!
//! - a router: `Stack::route(name, what it has, constructor, request)`, where the constructor
//!   runs inside the runtime of a process of its own and the request is an [`Ask`], which also
//!   says what status must come back;
//! - a part that is no router: `Stack::step(name, what it has, constructor of a closure)`;
//! - to compare it with a peer, `Stack { peer: Some("peer: timeout"), ..Stack::route(..) }`;
//! - to measure it over loopback too, `.on_the_wire()`.
//!
//! The goals of [`crate::goals`] find their stacks by name.

use axum::http::StatusCode;

use crate::{
    ask::Ask,
    ours, outgoing,
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
pub(crate) const STACKS: &[Stack] = &[
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
    Stack::step(CLIENT, "a client that answers at once", outgoing::client),
    Stack::step(
        "peer: breaker",
        "the same below tower-resilience-circuitbreaker 0.14, its defaults, one circuit, closed",
        outgoing::peer,
    ),
    Stack {
        peer: Some("peer: breaker"),
        ..Stack::step(
            CLIENT_BREAKER,
            "the same below `BreakerLayer`, by authority, closed",
            outgoing::breaker,
        )
    },
    Stack::step(
        "bare client, breaker off",
        "the same below `BreakerLayer::off`: what a layer costs by itself",
        outgoing::breaker_off,
    ),
    Stack::step(
        "bare client, waits",
        "a client that has to wait once",
        outgoing::client_waits,
    ),
    Stack::step(
        "bare client, waits, breaker",
        "the same below `BreakerLayer`, which measures how long",
        outgoing::breaker_waits,
    ),
    Stack::step(
        "bare client, outbound",
        "the client that answers at once below `Outbound`: deadline, retries, breaker, time limit of a try",
        outgoing::outbound,
    ),
    Stack::step("clone of the edge service", "everything on", ours::clone),
    Stack::layer(
        "layer: request ID",
        "peer: request ID",
        "`RequestIdLayer`",
        ours::request_id,
    ),
    Stack::layer(
        "layer: catch panic",
        "peer: catch panic",
        "`CatchPanicLayer`",
        ours::catch_panic,
    ),
    Stack::route(
        "layer: hygiene",
        "`HygieneLayer`, any host",
        ours::hygiene,
        Ask::PLAIN,
    ),
    Stack::layer(
        "layer: timeout",
        "peer: timeout",
        "`TimeoutLayer`, 30 s",
        ours::timeout,
    ),
    Stack::layer(
        "layer: body limit",
        "peer: body limit",
        "`BodyLimitLayer`, 1 MiB",
        ours::body_limit,
    ),
    Stack {
        peer: Some("peer: rate limit"),
        ..Stack::route(
            "layer: rate limit",
            "`ClientIpLayer` and `RateLimitLayer`, with headers, nobody limited",
            ours::rate_limit,
            Ask::PLAIN.with_facts(),
        )
    },
    Stack::layer(
        "layer: trace, not sampled",
        "peer: trace, not sampled",
        "`ObserveLayer` with `Tracing`",
        ours::trace_not_sampled,
    ),
    Stack::layer(
        "layer: trace, sampled",
        "peer: trace, sampled",
        "the same, every trace sampled",
        ours::trace_sampled,
    ),
    Stack::layer(
        "layer: metrics",
        "peer: metrics",
        "`ObserveLayer` with `Metrics`",
        ours::metrics,
    ),
    Stack::layer(
        "layer: secure headers",
        "peer: secure headers",
        "`SecureHeadersLayer`, the API profile",
        ours::secure_headers,
    ),
    Stack::layer(
        "layer: API key",
        "peer: API key",
        "`ApiKeyLayer` with `Keys`",
        ours::api_key,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = STACKS.iter().map(|stack| stack.name).collect();

        assert_eq!(names.len(), STACKS.len());
    }

    #[test]
    fn peers_are_stacks() {
        for peer in STACKS.iter().filter_map(|stack| stack.peer) {
            assert!(Stack::find(peer).is_ok(), "{peer}");
        }
    }
}
