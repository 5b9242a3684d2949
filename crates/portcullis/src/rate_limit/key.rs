use std::net::IpAddr;

use http::Extensions;
use portcullis_core::{ClientIp, Facts};

/// Whose quota a request spends: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

impl Key {
    /// All requests without a known address share one key.
    pub(super) fn of(extensions: &Extensions) -> Self {
        Facts::of(extensions)
            .get()
            .map_or(Self(0), |ClientIp(ip)| Self::from_ip(*ip))
    }

    pub(super) fn from_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            // No /64 starts like this: 0::/16 is reserved (RFC 4291, section 2.4).
            IpAddr::V4(v4) => Self((1 << 32) | u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}
