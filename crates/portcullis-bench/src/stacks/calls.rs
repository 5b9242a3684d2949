//! Calls to others.

use super::{CLIENT, CLIENT_BREAKER};
use crate::{outgoing, stack::Stack};

pub(super) const CALLS: &[Stack] = &[
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
];
