//! `X-Forwarded-For`, read from the right.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;
use portcullis_core::Scheme;

/// Walks from the peer towards the client for as long as the hops are trusted.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for entry in entries_from_the_right(headers, &X_FORWARDED_FOR) {
        if !is_trusted(client, trusted) {
            break;
        }
        match entry.and_then(parse) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    client
}

/// The scheme that the nearest proxy says the client used.
pub(super) fn scheme(headers: &HeaderMap) -> Option<Scheme> {
    let mut entries = entries_from_the_right(headers, &X_FORWARDED_PROTO);
    match entries.next().flatten()? {
        proto if proto.eq_ignore_ascii_case("https") => Some(Scheme::Https),
        proto if proto.eq_ignore_ascii_case("http") => Some(Scheme::Http),
        _ => None,
    }
}

pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|range| range.contains(&address))
}

/// Whether the request carries a header that claims to know the client.
pub(super) fn is_claimed(headers: &HeaderMap) -> bool {
    // One walk over few names is cheaper than three look-ups that find nothing.
    headers.keys().any(|name| {
        let may_be = matches!(name.as_str().len(), 9 | 15);
        may_be && (X_FORWARDED_FOR == name || FORWARDED == name || X_REAL_IP == name)
    })
}

/// One address: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `fe80::1%eth0`.
pub(super) fn parse(entry: &str) -> Option<IpAddr> {
    let bracketed = |text: &str| Some(text.strip_prefix('[')?.strip_suffix(']')?.to_owned());
    let without_zone = |text: &str| text.split_once('%').map_or(text, |(ip, _)| ip).parse().ok();
    let address: IpAddr = without_zone(entry)
        .or_else(|| entry.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .or_else(|| without_zone(&bracketed(entry)?))?;
    let canonical = address.to_canonical();
    (!canonical.is_unspecified()).then_some(canonical)
}

/// The entries of all lines of a list header, last first. `None` for what is not text.
fn entries_from_the_right<'a>(
    headers: &'a HeaderMap,
    name: &'static HeaderName,
) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name).into_iter().rev();
    lines.flat_map(|line| {
        let text = line.to_str().ok();
        let entries = text.map(|text| text.rsplit(',').map(|entry| Some(entry.trim())));
        let garbage = text.is_none().then_some(None);
        entries.into_iter().flatten().chain(garbage)
    })
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
