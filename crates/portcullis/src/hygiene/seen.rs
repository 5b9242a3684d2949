use http::{HeaderMap, HeaderName, HeaderValue, Version, request};

use super::{flaw::Flaw, host::HostPort, scan};

/// What hygiene looks at, of a request's fields. Found in one pass.
#[derive(Default)]
pub(super) struct Seen<'h> {
    host: Option<&'h HeaderValue>,
    encoding: Option<&'h HeaderValue>,
    length: Option<&'h HeaderValue>,
    has_more_hosts: bool,
    has_more_encodings: bool,
    lengths_differ: bool,
    /// Of all names and values.
    pub(super) bytes: usize,
    /// HTTP/2 sends a field of cookies in as many pieces as it likes (RFC 9113, section 8.2.3).
    pub(super) cookies: usize,
    /// Some names may be of those that do not pass.
    pub(super) has_suspects: bool,
}

/// Why a name may be one that does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspect {
    Underscore,
    Override,
}

// ===== impl Seen =====

impl<'h> Seen<'h> {
    #[inline]
    pub(super) fn new(headers: &'h HeaderMap) -> Self {
        let mut seen = Self::default();
        // Cheaper than to look three of them up: all names are read anyway.
        for (name, value) in headers {
            seen.bytes += name.as_str().len() + value.len();
            match name.as_str().as_bytes() {
                b"host" => {
                    seen.has_more_hosts |= seen.host.is_some();
                    seen.host = Some(value);
                }
                b"content-length" => {
                    seen.lengths_differ |= seen.length.is_some_and(|before| before != value);
                    seen.length = Some(value);
                }
                b"transfer-encoding" => {
                    seen.has_more_encodings |= seen.encoding.is_some();
                    seen.encoding = Some(value);
                }
                b"cookie" => seen.cookies += 1,
                name => seen.has_suspects |= suspect(name).is_some(),
            }
        }
        seen
    }

    /// Checks that the end of the request is where every server sees it (RFC 9112, sections 6.1 and
    /// 6.3).
    #[inline]
    pub(super) fn framing(&self, version: Version) -> Result<(), Flaw> {
        let is_number = |value: &HeaderValue| {
            let digits = value.as_bytes();
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        };
        if let Some(encoding) = self.encoding {
            let is_chunked = encoding.as_bytes().eq_ignore_ascii_case(b"chunked");
            if self.length.is_some() {
                return Err(Flaw::LengthAndEncoding);
            }
            if !is_chunked || self.has_more_encodings || version != Version::HTTP_11 {
                return Err(Flaw::Encoding);
            }
        }
        if self.lengths_differ || self.length.is_some_and(|length| !is_number(length)) {
            return Err(Flaw::Length);
        }
        Ok(())
    }

    /// Returns the host that a request is for, if it names one, once it is the same wherever it does
    /// (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
    #[inline]
    pub(super) fn host(&self, head: &'h request::Parts) -> Result<Option<HostPort<'h>>, Flaw> {
        if self.has_more_hosts {
            return Err(Flaw::ManyHosts);
        }
        let field = self.host.map(HeaderValue::as_bytes);
        if let Some(authority) = head.uri.authority() {
            let target = parsed(authority.as_str().as_bytes())?;
            return match field {
                Some(field) if !target.agrees(&parsed(field)?, head.uri.scheme()) => {
                    Err(Flaw::HostsDiffer)
                }
                None if is_needed(head.version, true) => Err(Flaw::NoHost),
                _ => Ok(Some(target)),
            };
        }
        match field {
            // A target without an authority has an empty one.
            Some(b"") if head.version <= Version::HTTP_11 => Ok(None),
            Some(field) => parsed(field).map(Some),
            None if is_needed(head.version, false) => Err(Flaw::NoHost),
            None => Ok(None),
        }
    }
}

#[inline]
fn parsed(text: &[u8]) -> Result<HostPort<'_>, Flaw> {
    HostPort::parse(text).ok_or(Flaw::InvalidHost)
}

/// Whether there must be a `Host` field. HTTP/1.0 has none, HTTP/2 has the authority instead.
fn is_needed(version: Version, has_authority: bool) -> bool {
    version == Version::HTTP_11 || version > Version::HTTP_11 && !has_authority
}

/// Returns why a field does not pass, if it does not: for [`HeaderName`]s, which are lower case.
#[inline]
pub(super) fn suspect(name: &[u8]) -> Option<Suspect> {
    if scan::contains(name, b'_') {
        Some(Suspect::Underscore)
    } else if is_override(name) {
        Some(Suspect::Override)
    } else {
        None
    }
}

/// Returns the names of fields of one kind.
pub(super) fn suspects(headers: &HeaderMap, kind: Suspect) -> impl Iterator<Item = &HeaderName> {
    headers
        .keys()
        .filter(move |name| suspect(name.as_str().as_bytes()) == Some(kind))
}

/// Most names are shorter, or begin with other letters.
#[inline]
fn is_override(name: &[u8]) -> bool {
    name.len() >= SHORTEST && name.starts_with(b"x-") && is_in_list(name)
}

fn is_in_list(name: &[u8]) -> bool {
    OVERRIDES.iter().any(|known| known.as_bytes() == name)
}

/// Fields in which a client asks for another method or path than the request line has. Some frameworks
/// and servers heed them, below those that check method and path.
pub(super) const OVERRIDES: [&str; 9] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-uri",
    "x-rewrite-url",
];

const SHORTEST: usize = "x-http-method".len();
