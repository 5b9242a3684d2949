//! What text from a token may be.

/// Returns `true` for a key's id: 1 to 128 bytes without control characters.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= LONGEST_ID && is_plain(text)
}

/// Returns `true` for who or whose somebody is: 1 to 255 bytes without control characters.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && is_plain(text)
}

/// Returns `true` for text that is not empty and has no control characters.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

pub(super) const WRONG_ID: &str = "a key's id is 1 to 128 bytes without control characters";

const LONGEST_ID: usize = 128;
/// `sub` in OpenID Connect Core 1.0, section 2.
const LONGEST_NAME: usize = 255;
