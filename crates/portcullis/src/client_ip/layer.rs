use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::AtomicBool},
};

use http::Extensions;
use ipnet::IpNet;
use portcullis_core::ConfigError;
use tower_layer::Layer;

use super::ResolveClientIp;

/// Where a server leaves the address of the socket's other end.
pub(super) type PeerFrom = fn(&Extensions) -> Option<SocketAddr>;

/// Applies [`ResolveClientIp`]. See the [module docs](super) for an example.
#[derive(Clone)]
pub struct ClientIpLayer {
    on: bool,
    peer_from: Option<PeerFrom>,
    trusted: Option<Arc<[IpNet]>>,
    warned: Arc<AtomicBool>,
}

impl ClientIpLayer {
    /// Creates a layer that trusts no proxy: the client is the socket's other end.
    #[must_use]
    pub fn new() -> Self {
        Self {
            on: true,
            peer_from: None,
            trusted: None,
            warned: Arc::default(),
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            on: false,
            ..Self::new()
        }
    }

    /// Trusts proxies in these ranges, and no others.
    ///
    /// IPv4 ranges mapped into IPv6 are folded, as addresses are.
    #[must_use]
    pub fn trust(mut self, ranges: impl IntoIterator<Item = IpNet>) -> Self {
        let ranges: Arc<[IpNet]> = ranges.into_iter().map(fold).collect();
        self.trusted = Some(ranges).filter(|ranges| !ranges.is_empty());
        self
    }

    /// Trusts proxies in a comma-separated list of ranges and addresses.
    ///
    /// # Errors
    ///
    /// Names every entry that is neither an address nor a CIDR range.
    pub fn trust_list(self, list: &str) -> Result<Self, ConfigError> {
        let entries = list.split(',').map(str::trim).filter(|e| !e.is_empty());
        let (good, bad): (Vec<_>, Vec<_>) = entries.map(parse_range).partition(Result::is_ok);
        ConfigError::check(bad.into_iter().filter_map(Result::err).collect())?;
        Ok(self.trust(good.into_iter().flatten()))
    }

    /// Reads the socket's other end from where the server leaves it.
    #[must_use]
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.peer_from = Some(peer);
        self
    }

    /// The ranges of trusted proxies.
    #[must_use]
    pub fn trusted(&self) -> &[IpNet] {
        self.trusted.as_deref().unwrap_or_default()
    }

    /// Whether the layer does anything.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.on
    }

    pub(super) fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        let left_by_server = || self.peer_from.and_then(|peer| peer(extensions));
        left_by_server().or_else(|| extensions.get().copied())
    }

    /// Whether this is the first time that somebody asks.
    pub(super) fn should_warn(&self) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        self.trusted.is_none() && !self.warned.load(Relaxed)
    }

    pub(super) fn warned(&self) -> &AtomicBool {
        &self.warned
    }
}

impl Default for ClientIpLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ClientIpLayer {
    type Service = ResolveClientIp<S>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        ResolveClientIp::new(inner, self.clone())
    }
}

impl fmt::Debug for ClientIpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIpLayer")
            .field("on", &self.on)
            .field("trusted", &self.trusted())
            .finish_non_exhaustive()
    }
}

fn parse_range(entry: &str) -> Result<IpNet, String> {
    let range = entry.parse().ok();
    let range = range.or_else(|| entry.parse().ok().map(|address: IpAddr| address.into()));
    range
        .ok_or_else(|| format!("trusted proxies: {entry:?} is neither an address nor a CIDR range"))
}

/// Folds `::ffff:a.b.c.d/n` into `a.b.c.d/(n - 96)`.
fn fold(range: IpNet) -> IpNet {
    let mapped = match range {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6.addr().to_ipv4_mapped(),
        _ => None,
    };
    let folded = mapped.map(|v4| IpNet::new(v4.into(), range.prefix_len() - 96));
    folded.and_then(Result::ok).unwrap_or(range)
}
