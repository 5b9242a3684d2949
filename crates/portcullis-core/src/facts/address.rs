use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;

/// Address of the peer: the other end of the connection. Set by the server, never by a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct PeerAddr(pub SocketAddr);

/// Address of the client, after trusted proxies were taken into account.
///
/// Always canonical: an IPv4 address mapped into IPv6 is an IPv4 address here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct ClientIp(pub IpAddr);

/// The host and port that the client asked for, as a trusted proxy says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype, destructured by users"
)]
pub struct Host(pub Authority);

/// The scheme the client used, as the connection or a trusted proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an edge serves nothing else")]
pub enum Scheme {
    /// Plain text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Returns `"http"` or `"https"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
