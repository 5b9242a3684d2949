use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// One address: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `fe80::1%eth0`.
///
/// Canonical: an IPv4 address mapped into IPv6 is an IPv4 address. The unspecified address is none,
/// nor is any of the old ways to write an IPv4 address (`017.0.0.1`, `0x7f.1`).
pub(super) fn parse(entry: &str) -> Option<IpAddr> {
    let bracketed = |text: &str| Some(text.strip_prefix('[')?.strip_suffix(']')?.to_owned());
    let without_zone = |text: &str| text.split_once('%').map_or(text, |(ip, _)| ip).parse().ok();
    let address: IpAddr = without_zone(entry)
        .or_else(|| entry.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .or_else(|| without_zone(&bracketed(entry)?))
        .or_else(|| without_zone_and_port(entry))?;
    let canonical = address.to_canonical();
    (!canonical.is_unspecified()).then_some(canonical)
}

/// `[fe80::1%eth0]:80`.
fn without_zone_and_port(entry: &str) -> Option<IpAddr> {
    let (address, port) = entry.strip_prefix('[')?.split_once("]:")?;
    let (address, _) = address.split_once('%')?;
    port.parse::<u16>().ok()?;
    address.parse().ok()
}

/// An address or a CIDR range.
pub(super) fn parse_range(entry: &str) -> Result<IpNet, String> {
    let range = entry.parse().ok();
    let range = range.or_else(|| entry.parse().ok().map(|address: IpAddr| address.into()));
    range
        .ok_or_else(|| format!("trusted proxies: {entry:?} is neither an address nor a CIDR range"))
}
