use std::{fmt, sync::Arc};

use http::HeaderValue;
use uuid::{Uuid, fmt::Hyphenated};

/// The ID of one request, in responses, problems, spans and log lines.
///
/// Either a UUID that this process made, or what a trusted peer sent: 1 to 128 characters of
/// `[A-Za-z0-9._-]`, so that it can be written into a header, a log line or JSON as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Repr);

/// A text is not a request ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRequestId;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Made(Uuid),
    Kept(Arc<str>),
}

// ===== impl RequestId =====

impl RequestId {
    /// Creates an ID from the 16 bytes of a UUID.
    #[must_use]
    pub const fn from_bytes(uuid: [u8; 16]) -> Self {
        Self(Repr::Made(Uuid::from_bytes(uuid)))
    }

    /// Parses an ID that somebody else made.
    ///
    /// # Errors
    ///
    /// Returns an error unless `text` is 1 to 128 characters of `[A-Za-z0-9._-]`.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidRequestId> {
        let fits = (1..=LONGEST).contains(&text.len()) && text.iter().all(is_allowed);
        let text = std::str::from_utf8(text).ok().filter(|_| fits);
        text.map(|text| Self(Repr::Kept(text.into())))
            .ok_or(InvalidRequestId)
    }

    /// Calls a function with the ID's text: visible ASCII.
    #[inline]
    pub fn with_text<T>(&self, use_text: impl FnOnce(&[u8]) -> T) -> T {
        match &self.0 {
            Repr::Made(uuid) => {
                let mut text = [0; Hyphenated::LENGTH];
                use_text(uuid.hyphenated().encode_lower(&mut text).as_bytes())
            }
            Repr::Kept(text) => use_text(text.as_bytes()),
        }
    }

    /// Returns the ID as a header value.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // Both alphabets are visible ASCII.
        self.with_text(HeaderValue::from_bytes)
            .unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Made(uuid) => uuid.hyphenated().fmt(f),
            Repr::Kept(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

// ===== impl InvalidRequestId =====

impl fmt::Display for InvalidRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request ID is 1 to 128 characters of [A-Za-z0-9._-]")
    }
}

impl std::error::Error for InvalidRequestId {}

const fn is_allowed(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_can_be_written_anywhere() {
        for text in ["a", "A.b_c-9", &"x".repeat(128)] {
            assert!(RequestId::parse(text.as_bytes()).is_ok_and(|id| id.to_string() == text));
        }
    }

    #[test]
    fn refuses_everything_else() {
        let long = "x".repeat(129);
        for text in [
            "",
            " ",
            "a b",
            "a\n",
            "a\u{1b}[31m",
            "${jndi:x}",
            "é",
            &long,
        ] {
            assert_eq!(RequestId::parse(text.as_bytes()), Err(InvalidRequestId));
        }
    }

    proptest! {
        #[test]
        fn a_header_value_reads_as_the_id(bytes: [u8; 16], text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let made = RequestId::from_bytes(bytes);
            let value = made.to_header_value();
            prop_assert_eq!(value.to_str().unwrap(), made.to_string());
            if let Ok(kept) = RequestId::parse(&text) {
                let value = kept.to_header_value();
                prop_assert_eq!(value.as_bytes(), &text[..]);
            }
        }
    }
}
