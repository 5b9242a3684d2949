/// How a request's body is decoded, and how far. A guard leaves it in the request's extensions.
#[cfg_attr(
    not(feature = "decompression"),
    expect(dead_code, reason = "made with the feature")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoding {
    pub(crate) coding: Coding,
    /// In bytes that come out.
    pub(crate) limit: u64,
    /// How many may come out for each that goes in.
    pub(crate) ratio: u64,
}

/// A content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
#[cfg_attr(
    not(feature = "decompression"),
    expect(dead_code, reason = "made with the feature")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

// ===== impl Decoding =====

impl Decoding {
    /// Returns `true` if more came out than is allowed for what went in.
    pub(super) const fn is_bomb(&self, encoded: u64, decoded: u64) -> bool {
        decoded > FREE && decoded > encoded.saturating_mul(self.ratio)
    }
}

// ===== impl Coding =====

#[cfg(feature = "decompression")]
impl Coding {
    /// Returns a coding by its name, in any case.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Some(match () {
            () if is("gzip") || is("x-gzip") => Self::Gzip,
            () if is("deflate") => Self::Deflate,
            () if is("br") => Self::Brotli,
            () if is("zstd") => Self::Zstd,
            () => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// So much comes out whatever went in: a short text of one letter is no attack. In bytes.
const FREE: u64 = 64 * 1024;
