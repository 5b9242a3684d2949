//! `traceparent` (W3C Trace Context, level 2, section 3.2).

use std::fmt;

use opentelemetry::{SpanId, TraceFlags, TraceId, trace::SpanContext};

use super::{known, trimmed};

/// A right `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// `sampled` and `random`; all others are zero in what is sent on (section 3.2.2.5).
    pub(crate) flags: TraceFlags,
}

// ===== impl TraceParent =====

impl TraceParent {
    /// Reads the only line. With two there is none.
    pub(crate) fn parse_only<'h>(mut lines: impl Iterator<Item = &'h [u8]>) -> Option<Self> {
        let only = lines.next()?;
        lines.next().is_none().then(|| Self::parse(only)).flatten()
    }

    /// Reads `version-trace-parent-flags`, in lower case hexadecimal digits. A later version than
    /// 00 may go on after another dash.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known_part, rest) = trimmed(text).split_at_checked(LENGTH)?;
        let version = u8::try_from(hex(&known_part[..2])?).ok()?;
        let later_version_goes_on = version > 0 && rest.first() == Some(&b'-');
        let dashes = [2, 35, 52].into_iter().all(|at| known_part[at] == b'-');
        if version == FORBIDDEN || !dashes || !(rest.is_empty() || later_version_goes_on) {
            return None;
        }
        let trace = hex(&known_part[3..35]).filter(|id| *id != 0)?;
        let span = hex(&known_part[36..52]).filter(|id| *id != 0)?;
        let flags = u8::try_from(hex(&known_part[53..])?).ok()?;
        Some(Self {
            trace_id: trace.into(),
            span_id: u64::try_from(span).ok()?.into(),
            flags: known(TraceFlags::new(flags)),
        })
    }
}

impl From<&SpanContext> for TraceParent {
    fn from(span: &SpanContext) -> Self {
        Self {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: known(span.trace_flags()),
        }
    }
}

/// The header's value, always of version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags.to_u8();
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u128::from(digit))
    })
}

/// At least the last seven bytes of the trace's ID are random (section 3.2.2.3.2).
pub(crate) const RANDOM: TraceFlags = TraceFlags::new(0b10);

const LENGTH: usize = 55;
const FORBIDDEN: u8 = 0xFF;
