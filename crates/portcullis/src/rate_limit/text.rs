use http::HeaderName;
use portcullis_core::Reply;

/// A structured field (RFC 9651) that is written on the stack: a list of strings with parameters.
///
/// It has room for `ITEMS` items of the longest kind, so that nothing is cut.
pub(super) struct Text<const ITEMS: usize> {
    bytes: [[u8; LONGEST_ITEM]; ITEMS],
    len: usize,
}

// ===== impl Text =====

impl<const ITEMS: usize> Text<ITEMS> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            bytes: [[0; LONGEST_ITEM]; ITEMS],
            len: 0,
        }
    }

    /// Begins an item. Its name has nothing that must be escaped.
    #[inline]
    pub(super) fn item(&mut self, name: &str) {
        self.push(if self.len == 0 { b"\"" } else { b", \"" });
        self.push(name.as_bytes());
        self.push(b"\"");
    }

    /// Begins an item whose name and first parameter's name are written already.
    #[inline]
    pub(super) fn prepared_item(&mut self, start: &str, number: u64) {
        if self.len > 0 {
            self.push(b", ");
        }
        self.number(start, number);
    }

    /// Adds a parameter that is an integer.
    #[inline]
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.push(name.as_bytes());
        // RFC 9651, section 3.3.1: at most 15 digits.
        let mut digits = itoa::Buffer::new();
        self.push(digits.format(number.min(999_999_999_999_999)).as_bytes());
    }

    /// Adds a parameter that is a string. It has nothing that must be escaped.
    pub(super) fn string(&mut self, name: &str, string: &str) {
        self.push(name.as_bytes());
        self.push(b"\"");
        self.push(string.as_bytes());
        self.push(b"\"");
    }

    /// Adds a parameter that is a byte sequence: six bytes of a number, which are eight characters.
    #[inline]
    pub(super) fn bytes(&mut self, name: &str, number: u64) {
        let character = |place| BASE64[(number >> (6 * place)) as usize % 64];
        self.push(name.as_bytes());
        self.push(b":");
        self.push(&[0, 1, 2, 3, 4, 5, 6, 7].map(character));
        self.push(b":");
    }

    /// Returns what was written.
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes.as_flattened()[..self.len]
    }

    /// Adds the field to a response, unless there is no item.
    #[inline]
    pub(super) fn write_to(&self, reply: &mut Reply, name: HeaderName) {
        if self.len > 0 {
            reply.write(name, self.as_bytes());
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.as_flattened_mut();
        if let Some(room) = room.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// A name of 32, `, ""`, `;q=` with 10 digits, `;w=` with 15, `;qu="content-bytes"`: longer than
/// `;pk=:12345678:`, and than what tells of requests in flight.
const LONGEST_ITEM: usize = 96;

/// RFC 4648, section 4.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
