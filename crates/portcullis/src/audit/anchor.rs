use std::{fmt, str::FromStr};

use portcullis_core::ConfigError;

/// How far a file went at some time: how many lines, and the hash of the last of them. Kept somewhere else,
/// it shows what was cut off or written anew.
///
/// Written as `lines:hash`, with the SHA-256 of the line's bytes in hexadecimal.
///
/// ```
/// use portcullis::audit::Anchor;
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// let text = format!("17:{}", "ab".repeat(32));
/// let anchor: Anchor = text.parse()?;
/// assert_eq!(anchor.lines(), 17);
/// assert_eq!(anchor.to_string(), text);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    lines: u64,
    hash: [u8; 32],
}

// ===== impl Anchor =====

impl Anchor {
    pub(super) const fn new(lines: u64, hash: [u8; 32]) -> Self {
        Self { lines, hash }
    }

    /// Returns how many lines there were: the number of the last.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the SHA-256 of the last line's bytes, without its end.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lines, hex(&self.hash))
    }
}

impl FromStr for Anchor {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parts = text.split_once(':');
        let parsed = parts.and_then(|(lines, hash)| Some((lines.parse().ok()?, unhex(hash)?)));
        let (lines, hash) = parsed.ok_or_else(|| {
            ConfigError::new("an anchor is a number, a colon, and 64 hexadecimal digits")
        })?;
        Ok(Self { lines, hash })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the one form that [`hex`] writes.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

const fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
