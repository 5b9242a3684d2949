use portcullis_core::{Exchange, Outcome, RequestId, TraceContext};

/// Which exchanges get a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// Of the numbers below 2^56, from which on a success is kept.
    from: u64,
}

// ===== impl Sampling =====

impl Sampling {
    pub(super) const ALL: Self = Self { from: 0 };

    /// Keeps this share of successes. None for what is no share.
    pub(super) fn new(share: f64) -> Option<Self> {
        let is_share = (0.0..=1.0).contains(&share);
        is_share.then_some(Self {
            from: ((1.0 - share) * RANGE as f64) as u64,
        })
    }

    pub(super) fn keeps(self, exchange: &Exchange) -> bool {
        self.from == 0 || !is_success(exchange) || number(exchange) >= self.from
    }
}

fn is_success(exchange: &Exchange) -> bool {
    let is_fine = |status: http::StatusCode| status.as_u16() < 400;
    exchange.outcome() == Outcome::Complete && exchange.status().is_some_and(is_fine)
}

/// Returns a number below 2^56 that is the same wherever the exchange is known by the same name: the random
/// part of the trace's ID (W3C Trace Context, level 2, section 3.2.2.5), or else one made of the request's.
///
/// The client has no say in it: of an untrusted peer neither ID is believed.
fn number(exchange: &Exchange) -> u64 {
    let is_own = |trace: &&TraceContext| exchange.is_peer_trusted() || trace.parent_id.is_none();
    let trace = exchange.trace().filter(is_own);
    let id = || {
        exchange
            .request_id()
            .map(|id: &RequestId| id.with_text(hash))
    };
    let number = trace.map(|trace| trace.trace_id as u64).or_else(id);
    number.unwrap_or(u64::MAX) % RANGE
}

/// FNV-1a, which is the same in every process, with its bits mixed.
fn hash(text: &[u8]) -> u64 {
    let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, add);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

const RANGE: u64 = 1 << 56;
