use std::fmt;

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

/// An ID as traces write it: `N` lowercase hexadecimal digits (W3C Trace Context, 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HexId<const N: usize>([u8; N]);

// ===== impl TraceContext =====

impl TraceContext {
    /// Returns the trace's ID as text.
    #[must_use]
    pub fn trace_id_hex(&self) -> HexId<32> {
        HexId::new(self.trace_id)
    }

    /// Returns the span's ID as text.
    #[must_use]
    pub fn span_id_hex(&self) -> HexId<16> {
        HexId::new(self.span_id.into())
    }
}

// ===== impl HexId =====

impl<const N: usize> HexId<N> {
    fn new(id: u128) -> Self {
        let bytes = id.to_be_bytes();
        let mut digits = [b'0'; N];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(&bytes[bytes.len() - N / 2..]) {
            *pair = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
        }
        Self(digits)
    }

    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for HexId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::HexId;

    #[test]
    fn ids_are_all_their_digits() {
        proptest::proptest!(|(trace_id: u128, span_id: u64)| {
            assert_eq!(HexId::<32>::new(trace_id).to_string(), format!("{trace_id:032x}"));
            assert_eq!(HexId::<16>::new(span_id.into()).as_str(), format!("{span_id:016x}"));
        });
    }
}
