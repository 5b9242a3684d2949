//! The syntax of `Forwarded` (RFC 7239, section 4), read from the right.
//!
//! What our own proxy added stands at the right end. Reading from there, nothing that a client
//! wrote before it, not even a quote without its other half, can hide it.

/// One hop: `for=192.0.2.1;proto=https;host=example.com`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) node: Option<&'a str>,
    pub(super) proto: Option<&'a str>,
    pub(super) host: Option<&'a str>,
}

/// The parts between separators, last first, without the white space around them. With
/// `may_be_quoted`, a separator in a quoted string separates nothing.
pub(super) fn rsplit(text: &str, separator: u8, may_be_quoted: bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = last_separator(text, separator, may_be_quoted);
        rest = at.map(|at| &text[..at]);
        Some(text[at.map_or(0, |at| at + 1)..].trim_matches([' ', '\t']))
    })
}

fn last_separator(text: &str, separator: u8, may_be_quoted: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quoted = false;
    for (at, byte) in bytes.iter().enumerate().rev() {
        if may_be_quoted && *byte == b'"' && !is_escaped(&bytes[..at]) {
            quoted = !quoted;
        } else if *byte == separator && !quoted {
            return Some(at);
        }
    }
    None
}

/// Whether an odd number of backslashes stands before a byte.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// Reads an element. Names are in any case, and each is there at most once.
pub(super) fn parse(text: &str) -> Option<Element<'_>> {
    let mut element = Element::default();
    for pair in rsplit(text, b';', true).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = unquote(value)?;
        let place = if name.eq_ignore_ascii_case("for") {
            &mut element.node
        } else if name.eq_ignore_ascii_case("proto") {
            &mut element.proto
        } else if name.eq_ignore_ascii_case("host") {
            &mut element.host
        } else {
            continue;
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    Some(element)
}

/// A token, or a quoted string. Nothing that we read needs an escape, so one is an error.
fn unquote(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(quoted) => quoted
            .strip_suffix('"')
            .filter(|inner| !inner.contains(['"', '\\'])),
        None => (!value.is_empty() && value.bytes().all(is_token)).then_some(value),
    }
}

/// RFC 9110, section 5.6.2. A colon is not one, but `for=192.0.2.1:80` is common.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&byte)
}
