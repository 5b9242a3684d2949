//! `baggage` (W3C Baggage).

use std::{fmt::Write, sync::Arc};

use opentelemetry::baggage::Baggage;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use super::trimmed;

/// The keys that may come in. Case counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed(Arc<[Box<str>]>);

/// A member of the list, whose value is still encoded.
struct Member<'h> {
    key: &'h str,
    value: &'h [u8],
    properties: String,
}

// ===== impl Allowed =====

impl Allowed {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.0.iter().any(|allowed| **allowed == *key)
    }
}

impl<K: Into<String>> FromIterator<K> for Allowed {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let keys = keys.into_iter().map(|key| key.into().into_boxed_str());
        Self(keys.collect())
    }
}

// ===== impl Member =====

impl<'h> Member<'h> {
    /// Reads `key = value ; property ; property = value`, white space wherever it may be.
    fn parse(text: &'h [u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b';').map(trimmed);
        let (key, value) = pair(parts.next()?)?;
        let mut properties = String::new();
        for property in parts {
            let separator = if properties.is_empty() { "" } else { ";" };
            properties.push_str(separator);
            properties.push_str(&normalized(property)?);
        }
        Some(Self {
            key,
            value,
            properties,
        })
    }
}

/// Reads all lines as one list, and keeps the allowed keys.
///
/// A wrong member is left out, and only it. Of a repeated key the last member counts: the peer that
/// is nearest wrote it. What is over 64 members or 8,192 bytes is left out by whole members.
pub(crate) fn parse<'h>(
    lines: impl Iterator<Item = &'h [u8]>,
    is_allowed: impl Fn(&str) -> bool,
) -> Option<Baggage> {
    let mut baggage = Baggage::new();
    let members = lines.flat_map(|line| line.split(|byte| *byte == b','));
    let mut bytes = 0;
    for text in members {
        let Some(member) = Member::parse(text) else {
            continue;
        };
        let separator = usize::from(bytes > 0);
        if is_allowed(member.key) && bytes + separator + text.len() <= LONGEST {
            bytes += separator + text.len();
            let value = percent_decode(member.value).decode_utf8_lossy();
            let key = member.key.to_owned();
            baggage.insert_with_metadata(key, value.into_owned(), member.properties.as_str());
        }
    }
    (!baggage.is_empty()).then_some(baggage)
}

/// Returns the header's value, sorted by key; members that the standard doesn't allow, or that are
/// over 8,192 bytes, are left out whole.
pub(crate) fn write(baggage: &Baggage) -> Option<String> {
    let mut members: Vec<_> = baggage.iter().collect();
    members.sort_unstable_by_key(|(key, _)| key.as_str());
    let mut list = String::new();
    for (key, (value, metadata)) in members {
        let written = member(key.as_str(), value.as_str(), metadata.as_str());
        let Some(written) = written else { continue };
        let separator = if list.is_empty() { "" } else { "," };
        if list.len() + separator.len() + written.len() <= LONGEST {
            list.push_str(separator);
            list.push_str(&written);
        }
    }
    (!list.is_empty()).then_some(list)
}

fn member(key: &str, value: &str, metadata: &str) -> Option<String> {
    let mut member = is_token(key.as_bytes()).then(|| key.to_owned())?;
    // Writing to a string is infallible.
    let _ = write!(member, "={}", utf8_percent_encode(value, IN_VALUE));
    let properties = metadata.as_bytes().split(|byte| *byte == b';').map(trimmed);
    for property in properties.filter(|property| !property.is_empty()) {
        member.push(';');
        member.push_str(&normalized(property)?);
    }
    Some(member)
}

/// Returns a property without its white space, if it is one.
fn normalized(property: &[u8]) -> Option<String> {
    if !property.contains(&b'=') {
        let key = std::str::from_utf8(property).ok()?;
        return is_token(property).then(|| key.to_owned());
    }
    let (key, value) = pair(property)?;
    Some(format!("{key}={}", std::str::from_utf8(value).ok()?))
}

/// Splits at the first `=`: a value may have more of them.
fn pair(text: &[u8]) -> Option<(&str, &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (trimmed(&text[..at]), trimmed(&text[at + 1..]));
    let key = std::str::from_utf8(key).ok().filter(|_| is_token(key))?;
    value.iter().all(is_octet).then_some((key, value))
}

/// `token` (RFC 9110, section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(fits)
}

/// `baggage-octet`.
fn is_octet(byte: &u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// What is no `baggage-octet`, and the percent sign itself.
const IN_VALUE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b';')
    .add(b'\\');

/// As much as every platform has to send on.
const LONGEST: usize = 8192;
