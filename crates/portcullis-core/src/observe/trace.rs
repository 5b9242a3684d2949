/// The trace that an exchange belongs to (W3C Trace Context), as plain numbers.
///
/// Set by the observer that opens spans, so that others can name the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the standard has")]
pub struct TraceContext {
    /// The trace's ID.
    pub trace_id: u128,
    /// The ID of the exchange's own span.
    pub span_id: u64,
    /// The ID of the span that the request came from, if it came with one.
    pub parent_id: Option<u64>,
    /// The flags, as they are sent on.
    pub flags: u8,
    /// What vendors added, as it is sent on, if there is something.
    pub state: Option<Box<str>>,
    /// What the request came with, if the trace did not go on but started anew, and is sampled.
    pub link: Option<TraceLink>,
}

/// A span of another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what `traceparent` has")]
pub struct TraceLink {
    /// The trace's ID.
    pub trace_id: u128,
    /// The span's ID.
    pub span_id: u64,
    /// The flags, as they were received: `sampled` and `random`.
    pub flags: u8,
}
