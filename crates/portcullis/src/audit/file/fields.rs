use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::anchor::unhex,
    seal::{Seal, sha256},
};

/// What the chain needs of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) number: u64,
    pub(super) prev: [u8; 32],
    pub(super) anchor: Option<Kind>,
    /// Of the line's bytes.
    pub(super) hash: [u8; 32],
}

/// Why there is an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// The file was new.
    Start,
    /// The file goes on where another ended, which was renamed.
    Rotated,
    /// The server was started again.
    Restart,
    /// The line before is half a line: the server was killed while it wrote.
    Torn,
    /// There were so many lines.
    Count,
    /// The server stopped.
    Stop,
}

#[derive(Deserialize)]
struct Raw<'a> {
    n: u64,
    prev: &'a str,
    anchor: Option<Kind>,
}

/// What is wrong with a line by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It does not end with a seal of this kind.
    Unsealed,
    /// It was sealed with something else in it, or with another key.
    Altered,
}

// ===== impl Kind =====

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Rotated => "rotated",
            Self::Restart => "restart",
            Self::Torn => "torn",
            Self::Count => "count",
            Self::Stop => "stop",
        }
    }
}

// ===== impl Fields =====

impl Fields {
    /// Reads a line without its end.
    pub(super) fn read(line: &[u8], seal: &Seal) -> Result<Self, Flaw> {
        let end = format!(",\"{}\":\"", seal.name());
        let at = line.len().checked_sub(end.len() + 64 + 2);
        let (sealed, rest) = at.map_or((line, &[][..]), |at| line.split_at(at));
        let digits = rest
            .strip_prefix(end.as_bytes())
            .and_then(|rest| rest.strip_suffix(b"\"}"));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let own = digits.and_then(unhex).ok_or(Flaw::Unsealed)?;
        if !seal.is_of(&own, sealed) {
            return Err(Flaw::Altered);
        }
        let raw: Raw<'_> = serde_json::from_slice(line).map_err(|_| Flaw::Altered)?;
        if raw.n > LAST {
            return Err(Flaw::Altered);
        }
        Ok(Self {
            number: raw.n,
            prev: unhex(raw.prev).ok_or(Flaw::Altered)?,
            anchor: raw.anchor,
            hash: sha256(line),
        })
    }
}

/// Returns `true` if it may be half a line: it begins as each does, and is no whole object.
pub(super) fn is_half(line: &[u8]) -> bool {
    let both = line.len().min(BEGINNING.len());
    let begins = !line.is_empty() && line[..both] == BEGINNING[..both];
    begins && serde_json::from_slice::<IgnoredAny>(line).is_err()
}

const BEGINNING: &[u8] = b"{\"n\":";

/// No log gets so far: one with more would not be counted on. All readers of JSON agree on it (RFC 8259,
/// section 6).
const LAST: u64 = (1 << 53) - 1;
