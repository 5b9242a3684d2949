//! Headers in which proxies tell of clients, and what is left of them.

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::Scheme;

use super::{
    Decision, Family, Strategy,
    family::{X_FORWARDED_HOST, X_FORWARDED_PROTO, entries_from_the_right},
};

/// Returns `true` for a name under which proxies tell of clients, written with hyphens or underscores.
pub(super) fn is_forwarding(name: &str) -> bool {
    let bytes = name.as_bytes();
    // Most names begin and end with other letters.
    let may_start = matches!(bytes.first(), Some(b'f' | b'x'));
    let may_end = matches!(bytes.last(), Some(b'p' | b's' | b'r' | b'4' | b'6'));
    may_start
        && STARTS
            .iter()
            .any(|start| is_same(name.get(..start.len()), start))
        || may_end && ENDS.iter().any(|end| is_same(last(name, end.len()), end))
}

fn last(name: &str, length: usize) -> Option<&str> {
    name.get(name.len().checked_sub(length)?..)
}

fn is_same(part: Option<&str>, known: &str) -> bool {
    let hyphen = |byte| if byte == b'_' { b'-' } else { byte };
    part.is_some_and(|part| part.bytes().map(hyphen).eq(known.bytes()))
}

/// Returns the first forwarding header: one of a usual name, or the one that the strategy reads.
pub(super) fn first<'h>(headers: &'h HeaderMap, strategy: &Strategy) -> Option<&'h HeaderName> {
    headers
        .keys()
        .find(|name| is_read_or_forwarding(strategy, name))
}

fn is_read_or_forwarding(strategy: &Strategy, name: &HeaderName) -> bool {
    is_forwarding(name.as_str()) || strategy.reads() == Some(name)
}

/// Takes out what was not believed: everything of an untrusted peer, other families of a trusted proxy,
/// and of the chosen header what was written before the client's own entry.
pub(super) fn strip(headers: &mut HeaderMap, strategy: &Strategy, believed: Option<&Decision>) {
    let keeps = |name: &HeaderName| believed.is_some() && is_kept(strategy, name);
    let forged = headers
        .keys()
        .filter(|name| is_read_or_forwarding(strategy, name) && !keeps(name));
    let forged: Vec<HeaderName> = forged.cloned().collect();
    for name in forged {
        headers.remove(name);
    }
    match (believed, strategy.family(), strategy.reads()) {
        (Some(decision), Some(family), _) => {
            let is_quoted = *family == Family::Forwarded;
            shorten(headers, family.header(), is_quoted, decision.entries);
            // The last entry is the proxy's own, whatever it says of the client.
            for companion in [&X_FORWARDED_PROTO, &X_FORWARDED_HOST] {
                shorten(headers, companion, false, decision.entries.max(1));
            }
        }
        (Some(_), None, Some(name)) => keep_last(headers, name),
        _ => {}
    }
}

/// Leaves the line that counts. Those above it are the client's.
fn keep_last(headers: &mut HeaderMap, name: &HeaderName) {
    let last = headers.get_all(name).into_iter().next_back().cloned();
    if let Some(last) = last {
        headers.insert(name, last);
    }
}

fn is_kept(strategy: &Strategy, name: &HeaderName) -> bool {
    let companions = [&X_FORWARDED_PROTO, &X_FORWARDED_HOST];
    let has_companions = strategy.family() != Some(&Family::Forwarded);
    strategy.reads() == Some(name)
        || has_companions && companions.contains(&name)
        || *name == X_FORWARDED_CLIENT_CERT
}

/// Leaves so many entries of a list, from the right.
fn shorten(headers: &mut HeaderMap, name: &HeaderName, is_quoted: bool, entries: usize) {
    let all = entries_from_the_right(headers, name, is_quoted).count();
    if all <= entries {
        return;
    }
    let kept = entries_from_the_right(headers, name, is_quoted).take(entries);
    let mut kept: Vec<&str> = kept.flatten().collect();
    kept.reverse();
    // Parts of a header's value are one as well.
    let kept = HeaderValue::from_str(&kept.join(", ")).ok();
    match kept.filter(|kept| !kept.is_empty()) {
        Some(kept) => drop(headers.insert(name, kept)),
        None => drop(headers.remove(name)),
    }
}

/// The scheme and the host that the client used, as the proxy says that named it.
pub(super) fn origin<'a>(
    headers: &'a HeaderMap,
    strategy: &Strategy,
    entries: usize,
) -> (Option<Scheme>, Option<&'a str>) {
    let place = entries.saturating_sub(1);
    let (proto, host) = match strategy.family() {
        Some(family @ Family::Forwarded) => {
            let entry = family.entries(headers).take(place + 1).last();
            let element = entry.and_then(|entry| entry.element).unwrap_or_default();
            (element.proto, element.host)
        }
        _ => (
            at(headers, &X_FORWARDED_PROTO, place),
            at(headers, &X_FORWARDED_HOST, place),
        ),
    };
    (proto.and_then(scheme), host)
}

/// The entry of a companion that belongs to an entry of the list. A companion with one entry was
/// written over by each proxy.
fn at<'a>(headers: &'a HeaderMap, name: &HeaderName, place: usize) -> Option<&'a str> {
    let mut entries = entries_from_the_right(headers, name, false);
    let last = entries.next()?;
    match place {
        0 => last,
        _ => entries.nth(place - 1).unwrap_or(last),
    }
}

fn scheme(proto: &str) -> Option<Scheme> {
    match proto {
        proto if proto.eq_ignore_ascii_case("https") => Some(Scheme::Https),
        proto if proto.eq_ignore_ascii_case("http") => Some(Scheme::Http),
        _ => None,
    }
}

/// It tells of the client's certificate, not of an address: a trusted proxy's own.
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

const STARTS: [&str; 3] = ["forwarded", "x-forwarded", "x-original-forwarded"];

/// A header of an application that ends so is taken out as well.
const ENDS: [&str; 14] = [
    "-addr",
    "-ip",
    "-ips",
    "-ipv4",
    "-ipv6",
    "client-address",
    "clientip",
    "external-address",
    "peer-address",
    "realip",
    "remote-address",
    "remoteip",
    "socketip",
    "viewer-address",
];
