//! The goals, as data, and whether the measured rows meet them.

mod measure;
#[cfg(test)]
mod tests;

use self::measure::Measure;
use crate::{
    access,
    figures::Rows,
    keys,
    metrics::{COUNTED, COUNTED_OTLP, OBSERVED},
    observed, signed,
    stacks::{
        CHECK_AT, CLIENT, CLIENT_BREAKER, EDGE_SHED, EDGE_SHEDDING, EDGE_WITHOUT, LIMITED_SERVICE,
        PEER_CHECK, PEERS_SAMPLED, PEERS_UNSAMPLED, SERVICE,
    },
};

const EDGE: &str = "edge, not sampled";
const EDGE_SAMPLED: &str = "edge, sampled";

/// Every goal, in the order of the table.
pub(crate) const GOALS: &[Goal] = &[
    Goal {
        name: "instructions that the edge adds, not sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(EDGE, PEERS_UNSAMPLED),
        at_most: 0.25,
    },
    Goal {
        name: "allocations that the edge adds, not sampled",
        measure: Measure::AddedAllocations(EDGE),
        at_most: 8.0,
    },
    Goal {
        name: "bytes that the edge adds, not sampled",
        measure: Measure::AddedBytes(EDGE),
        at_most: 4096.0,
    },
    Goal {
        name: "instructions that the edge adds, sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(EDGE_SAMPLED, PEERS_SAMPLED),
        at_most: 0.28,
    },
    Goal {
        name: "allocations that the edge adds, sampled",
        measure: Measure::AddedAllocations(EDGE_SAMPLED),
        at_most: 10.0,
    },
    Goal {
        name: "allocations of a clone of the edge service",
        measure: Measure::Allocations("clone of the edge service"),
        at_most: 0.0,
    },
    Goal {
        name: "instructions of a refusal for the key over those of an answer",
        measure: Measure::Instructions("edge, 401", EDGE),
        at_most: 0.25,
    },
    Goal {
        name: "instructions of a refusal for the quota over those of an answer",
        measure: Measure::Instructions("edge, 429", EDGE),
        at_most: 0.75,
    },
    Goal {
        name: "instructions of a limiter's check over governor's, below a layer that read the clock",
        measure: Measure::Instructions(CHECK_AT, PEER_CHECK),
        at_most: 0.45,
    },
    Goal {
        name: "instructions that the rate limit adds to a served request, headers included",
        measure: Measure::MoreInstructions(LIMITED_SERVICE, SERVICE),
        at_most: 1600.0,
    },
    Goal {
        name: "allocations that the rate limit adds to a served request",
        measure: Measure::MoreAllocations(LIMITED_SERVICE, SERVICE),
        at_most: 1.0,
    },
    Goal {
        name: "instructions of a shed request over those of an answer",
        measure: Measure::Instructions(EDGE_SHED, EDGE),
        at_most: 0.17,
    },
    Goal {
        name: "instructions that shedding by latency adds to a served request",
        measure: Measure::MoreInstructions(EDGE_SHEDDING, EDGE),
        at_most: 300.0,
    },
    Goal {
        name: "instructions that deadline, hygiene and shedding by latency add to a served request",
        measure: Measure::MoreInstructions(EDGE_SHEDDING, EDGE_WITHOUT),
        at_most: 900.0,
    },
    Goal {
        name: "allocations that the three add to a served request",
        measure: Measure::MoreAllocations(EDGE_SHEDDING, EDGE_WITHOUT),
        at_most: 0.0,
    },
    Goal {
        name: "nanoseconds that Prometheus metrics add to an exchange",
        measure: Measure::MoreNanoseconds(COUNTED, OBSERVED),
        at_most: 100.0,
    },
    Goal {
        name: "allocations that Prometheus metrics add to an exchange",
        measure: Measure::MoreAllocations(COUNTED, OBSERVED),
        at_most: 0.0,
    },
    Goal {
        name: "nanoseconds that OTLP metrics add to an exchange",
        measure: Measure::MoreNanoseconds(COUNTED_OTLP, OBSERVED),
        at_most: 100.0,
    },
    Goal {
        name: "allocations that OTLP metrics add to an exchange",
        measure: Measure::MoreAllocations(COUNTED_OTLP, OBSERVED),
        at_most: 0.0,
    },
    Goal {
        name: "nanoseconds that a closed breaker adds to a call",
        measure: Measure::MoreNanoseconds(CLIENT_BREAKER, CLIENT),
        at_most: 60.0,
    },
    Goal {
        name: "allocations that a closed breaker adds to a call",
        measure: Measure::MoreAllocations(CLIENT_BREAKER, CLIENT),
        at_most: 0.0,
    },
    Goal {
        name: "instructions of an API key over SHA-256 and a look-up",
        measure: Measure::Instructions(keys::HIT_OF_MANY, keys::BARE),
        at_most: 1.3,
    },
    Goal {
        name: "instructions of one of 100,000 keys over one of 10",
        measure: Measure::Instructions(keys::HIT_OF_MANY, keys::HIT),
        at_most: 1.0,
    },
    Goal {
        name: "instructions of a token of ES256 over the bare verification",
        measure: Measure::Instructions(signed::ES256, signed::BARE_ES256),
        at_most: 1.1,
    },
    Goal {
        name: "instructions of a signature of hmac-sha256 over the bare HMAC",
        measure: Measure::Instructions(signed::HMAC, signed::BARE_HMAC),
        at_most: 1.5,
    },
    Goal {
        name: "instructions of an access line over those of tracing-subscriber's JSON",
        measure: Measure::Instructions(access::LINE, access::PEER_LINE),
        at_most: 0.25,
    },
    Goal {
        name: "allocations of an access line",
        measure: Measure::Allocations(access::LINE),
        at_most: 1.0,
    },
    Goal {
        name: "instructions of traces, metrics and a line, not sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(observed::OURS, observed::PEERS),
        at_most: 0.2,
    },
    Goal {
        name: "allocations of the same over what the peers add",
        measure: Measure::AllocationsOfPeer(observed::OURS, observed::PEERS),
        at_most: 0.1,
    },
    Goal {
        name: "instructions of traces, metrics and a line, sampled, over what the peers add",
        measure: Measure::InstructionsOfPeer(observed::OURS_SAMPLED, observed::PEERS_SAMPLED),
        at_most: 0.25,
    },
    Goal {
        name: "allocations of an API key",
        measure: Measure::Allocations(keys::HIT_OF_MANY),
        at_most: 0.0,
    },
    Goal::of_layer("layer: request ID", "peer: request ID", 0.6),
    Goal::of_layer("layer: catch panic", "peer: catch panic", 0.9),
    Goal::of_layer("layer: timeout", "peer: timeout", 0.9),
    Goal::of_layer("layer: body limit", "peer: body limit", 0.6),
    Goal::of_layer("layer: rate limit", "peer: rate limit", 0.6),
    Goal::of_layer("layer: trace, not sampled", "peer: trace, not sampled", 0.6),
    Goal::of_layer("layer: trace, sampled", "peer: trace, sampled", 0.6),
    Goal::of_layer("layer: metrics", "peer: metrics", 0.6),
    Goal::of_layer("layer: secure headers", "peer: secure headers", 0.6),
    Goal::of_layer("layer: API key", "peer: API key", 0.6),
];

/// A figure that must not be larger than it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) measure: Measure,
    pub(crate) at_most: f64,
}

/// How a goal came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Met(f64),
    Missed(f64),
    /// A stack that the goal needs does not exist, so nothing is known.
    NoSuchStack,
}

/// A goal of any table, and how it came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) at_most: f64,
    pub(crate) verdict: Verdict,
}

// ===== impl Goal =====

impl Goal {
    /// Instructions that a layer alone adds, over what its peer adds.
    const fn of_layer(ours: &'static str, theirs: &'static str, at_most: f64) -> Self {
        Self {
            name: ours,
            measure: Measure::InstructionsOfPeer(ours, theirs),
            at_most,
        }
    }

    pub(crate) fn judge(&self, rows: &Rows) -> Judged {
        Judged::new(self.name, self.at_most, self.measure.of(rows))
    }
}

// ===== impl Judged =====

impl Judged {
    /// Compares a figure, if there is one, with the most that it may be.
    pub(crate) fn new(name: &'static str, at_most: f64, figure: Option<f64>) -> Self {
        let verdict = match figure {
            None => Verdict::NoSuchStack,
            Some(figure) if figure <= at_most => Verdict::Met(figure),
            Some(figure) => Verdict::Missed(figure),
        };
        Self {
            name,
            at_most,
            verdict,
        }
    }

    /// Returns what is wrong, unless the goal is met.
    pub(crate) fn complaint(&self) -> Option<String> {
        let Self { name, at_most, .. } = self;
        match self.verdict {
            Verdict::Met(_) => None,
            Verdict::Missed(figure) => Some(format!("{name}: {figure:.2}, at most {at_most:.2}")),
            Verdict::NoSuchStack => Some(format!("{name}: no such stack")),
        }
    }
}
