//! What goes from one process to the next: `traceparent`, `tracestate` and `baggage`.

mod baggage;
mod inherited;
mod propagator;
#[cfg(test)]
mod tests;
mod traceparent;
mod tracestate;
mod wanted;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{SpanId, TraceFlags, TraceId};

pub use self::propagator::Propagator;
pub(crate) use self::{
    baggage::{Allowed, parse as parse_baggage},
    inherited::Inherited,
    traceparent::{RANDOM, TraceParent},
    tracestate::{for_sdk, parse as parse_state},
    wanted::Propagators,
};

/// Returns the `traceparent` of a request: exactly one line (section 3.2).
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    TraceParent::parse_only(lines(headers, &TRACEPARENT))
}

/// Returns the `tracestate` of a request, if there is one and it is right.
pub(crate) fn tracestate(headers: &HeaderMap) -> Option<Box<str>> {
    parse_state(lines(headers, &TRACESTATE))
}

/// Returns the lines of a field.
pub(crate) fn lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// Returns a new trace's ID, whose bits are all random.
pub(crate) fn new_trace_id() -> TraceId {
    TraceId::from(rand::random::<u128>().max(1))
}

pub(crate) fn new_span_id() -> SpanId {
    SpanId::from(rand::random::<u64>().max(1))
}

/// Returns those flags that are sent on.
pub(crate) fn known(flags: TraceFlags) -> TraceFlags {
    TraceFlags::new(flags.to_u8() & (TraceFlags::SAMPLED.to_u8() | RANDOM.to_u8()))
}

/// Without optional white space (RFC 9110, section 5.6.3) around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !is_space(byte));
    let end = text.iter().rposition(|byte| !is_space(byte));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

pub(crate) static BAGGAGE: HeaderName = HeaderName::from_static("baggage");
pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
