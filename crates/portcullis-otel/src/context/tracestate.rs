//! `tracestate` (W3C Trace Context, level 2, section 3.3).
//!
//! It is kept as text: OpenTelemetry's type has the keys of level 1, and refuses a list that repeats
//! one.

use opentelemetry::trace::TraceState;

use super::trimmed;

/// A member and its key.
#[derive(Clone, Copy)]
struct Member<'h> {
    text: &'h str,
    key: &'h str,
}

// ===== impl Member =====

impl<'h> Member<'h> {
    fn parse(text: &'h [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (key, value) = text.split_once('=')?;
        (is_key(key.as_bytes()) && is_value(value.as_bytes())).then_some(Self { text, key })
    }
}

/// Reads all lines as one list.
///
/// One wrong member, or more than 32, make the whole list wrong. Members may be empty. A key that
/// is there again isn't wrong: its first member stands furthest left, so it was written last, and
/// counts. Longer than 1,024 bytes, the list is cut: whole members, those of more than 128 bytes
/// first, and from its end.
pub(crate) fn parse<'h>(lines: impl Iterator<Item = &'h [u8]>) -> Option<Box<str>> {
    let mut members = Vec::new();
    for (at, text) in lines.flat_map(texts).enumerate() {
        add(&mut members, Member::parse(text).filter(|_| at < MOST)?);
    }
    joined(members)
}

/// Returns the list to send: what the application set, then what was received.
///
/// OpenTelemetry's type takes values that are none, such as empty ones. Such a member is left out, and
/// costs no other.
pub(crate) fn merge(own: &TraceState, inherited: Option<&str>) -> Option<Box<str>> {
    if own == &TraceState::NONE {
        return inherited.map(Into::into);
    }
    let own = own.header();
    let both = [Some(&*own), inherited].into_iter().flatten();
    let texts = both.flat_map(|list| texts(list.as_bytes()));
    let mut members = Vec::new();
    for member in texts.filter_map(Member::parse) {
        add(&mut members, member);
    }
    members.truncate(MOST);
    joined(members)
}

/// Returns the list in the SDK's form, for what is exported; empty if the SDK refuses it.
pub(crate) fn for_sdk(state: Option<&str>) -> TraceState {
    state
        .and_then(|state| state.parse().ok())
        .unwrap_or_default()
}

/// Splits a list. Members may be empty: such are left out.
fn texts(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let members = list.split(|byte| *byte == b',').map(trimmed);
    members.filter(|member| !member.is_empty())
}

/// Adds a member, unless there is an earlier one with its key.
fn add<'h>(members: &mut Vec<Member<'h>>, member: Member<'h>) {
    if members.iter().all(|earlier| earlier.key != member.key) {
        members.push(member);
    }
}

fn joined(mut members: Vec<Member<'_>>) -> Option<Box<str>> {
    while length(&members) > LONGEST {
        let large = members.iter().rposition(|member| member.text.len() > LARGE);
        members.remove(large.unwrap_or(members.len() - 1));
    }
    let texts: Vec<_> = members.iter().map(|member| member.text).collect();
    (!texts.is_empty()).then(|| texts.join(",").into())
}

fn length(members: &[Member<'_>]) -> usize {
    let texts: usize = members.iter().map(|member| member.text.len()).sum();
    texts + members.len().saturating_sub(1)
}

fn is_key(key: &[u8]) -> bool {
    let starts = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: &u8| starts(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= LONGEST_PART && key.first().is_some_and(starts) && key.iter().all(goes_on)
}

/// Printable, and not empty; without the space at the end, which belongs to the list.
fn is_value(value: &[u8]) -> bool {
    let fits = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=LONGEST_PART).contains(&value.len()) && value.iter().all(fits)
}

/// Members of a list.
const MOST: usize = 32;

/// Of a key, and of a value.
const LONGEST_PART: usize = 256;

/// What is longer goes first.
const LARGE: usize = 128;

/// Twice what the standard asks to be sent on.
const LONGEST: usize = 1024;
