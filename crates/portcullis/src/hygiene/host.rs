use std::net::Ipv6Addr;

use http::uri::Scheme;

/// A host and a port, as a `Host` field or an authority has them (RFC 9110, section 7.2:
/// `uri-host [ ":" port ]`).
///
/// Stricter than RFC 3986, section 3.2.2: a name has letters, digits and `-._~` only, and no empty
/// label. What else is allowed there (`%`, `,`, `;`..) is in no name of a host, and servers differ in
/// what they make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostPort<'a> {
    pub(super) host: Name<'a>,
    pub(super) port: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    /// As it was written. An IPv4 address is one as well.
    Text(&'a [u8]),
    V6(Ipv6Addr),
}

// ===== impl HostPort =====

impl<'a> HostPort<'a> {
    /// Parses one, unless it is none.
    #[inline]
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        if let Some(literal) = text.strip_prefix(b"[") {
            return Self::parse_literal(literal);
        }
        let (name, rest) = text.split_at_checked(length_of_name(text)?)?;
        Self::new(Name::Text(name), rest)
    }

    #[cold]
    fn parse_literal(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().position(|byte| *byte == b']')?;
        let address = str::from_utf8(text.get(..end)?).ok()?.parse().ok()?;
        Self::new(Name::V6(address), text.get(end + 1..)?)
    }

    /// What follows the host is a port, or nothing. A port may be empty (RFC 3986, section 3.2.3).
    #[inline]
    fn new(host: Name<'a>, rest: &[u8]) -> Option<Self> {
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(number(digits)?),
            _ => return None,
        };
        Some(Self { host, port })
    }

    /// Returns `true` if both are the same to every server: a port may be the scheme's own.
    pub(super) fn agrees(&self, other: &Self, scheme: Option<&Scheme>) -> bool {
        let port = |port: Option<u16>| port.or_else(|| scheme.and_then(default_port));
        self.host == other.host && port(self.port) == port(other.port)
    }
}

// ===== impl Name =====

impl Name<'_> {
    /// Returns a name without the dot of the root, which changes nothing in DNS.
    pub(super) fn without_root(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.strip_suffix(b".").unwrap_or(text)),
            address @ Self::V6(_) => address,
        }
    }
}

/// In any case. With and without the dot of the root are two: some servers take them so.
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(text), Self::Text(other)) => text.eq_ignore_ascii_case(other),
            (Self::V6(address), Self::V6(other)) => address == other,
            _ => false,
        }
    }
}

impl Eq for Name<'_> {}

/// Returns how much of a text is a name, before a port: labels, and a dot after each but the last, or
/// after each.
#[inline]
fn length_of_name(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    loop {
        let label = rest.len();
        while let [byte, after @ ..] = rest
            && IS_PART[usize::from(*byte)]
        {
            rest = after;
        }
        match rest {
            [b'.', after @ ..] if rest.len() < label => rest = after,
            [] | [b':', ..] if rest.len() < text.len() => return Some(text.len() - rest.len()),
            _ => return None,
        }
    }
}

/// Digits only: [`str::parse`] takes a sign.
fn number(digits: &[u8]) -> Option<u16> {
    let are_digits = digits.iter().all(u8::is_ascii_digit);
    let digits = are_digits.then(|| str::from_utf8(digits).ok())??;
    digits.parse().ok()
}

fn default_port(scheme: &Scheme) -> Option<u16> {
    match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// What a label is made of.
const IS_PART: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let is_mark = matches!(byte, b'-' | b'_' | b'~');
        table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    table
};
