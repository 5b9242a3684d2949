//! Our layers, each alone.

use crate::{ask::Ask, ours, stack::Stack};

pub(super) const LAYERS: &[Stack] = &[
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
