use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

use super::rules::MAX_POLICIES;

/// A structured field (RFC 9651) that is written on the stack: a list of strings with parameters.
///
/// It holds as many items as there can be, so that nothing is cut.
pub(super) struct Text {
    bytes: [u8; LONGEST_ITEM * MAX_POLICIES],
    len: usize,
}

// ===== impl Text =====

impl Text {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; LONGEST_ITEM * MAX_POLICIES],
            len: 0,
        }
    }

    /// Begins an item. Its name has nothing that must be escaped.
    pub(super) fn item(&mut self, name: &str) {
        self.push(if self.len == 0 { b"\"" } else { b", \"" });
        self.push(name.as_bytes());
        self.push(b"\"");
    }

    /// Adds a parameter that is an integer.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.push(name.as_bytes());
        // RFC 9651, section 3.3.1: at most 15 digits.
        let mut digits = itoa::Buffer::new();
        self.push(digits.format(number.min(999_999_999_999_999)).as_bytes());
    }

    /// Adds a parameter that is a byte sequence: six bytes of a mark.
    pub(super) fn bytes(&mut self, name: &str, mark: u64) {
        let mut encoded = [0; 8];
        // Six bytes are eight characters.
        let _ = STANDARD.encode_slice(&mark.to_be_bytes()[..6], &mut encoded);
        self.push(name.as_bytes());
        self.push(b":");
        self.push(&encoded);
        self.push(b":");
    }

    /// The field's value, unless there is no item.
    pub(super) fn into_value(self) -> Option<HeaderValue> {
        (self.len > 0).then(|| self.to_value())
    }

    pub(super) fn to_value(&self) -> HeaderValue {
        // Visible ASCII only.
        HeaderValue::from_bytes(&self.bytes[..self.len]).unwrap_or(HeaderValue::from_static(""))
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// A name of 32, `, ""`, `;r=` with 10 digits, `;t=` with 15, `;pk=:12345678:`.
const LONGEST_ITEM: usize = 96;
