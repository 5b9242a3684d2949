use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use portcullis_core::{ConfigError, Count, Counts, Live};
use tower_layer::Layer;

use super::{Decision, ResolveClientIp, Strategy, decision::Why};

/// Where a server leaves the address of the socket's other end.
pub(super) type PeerFrom = fn(&Extensions) -> Option<SocketAddr>;

/// Applies [`ResolveClientIp`]. See the [module docs](super) for an example.
///
/// Clones share the strategy and what was counted.
#[derive(Clone)]
pub struct ClientIpLayer {
    on: bool,
    strips: bool,
    peer_from: Option<PeerFrom>,
    default_peer: Option<SocketAddr>,
    shared: Arc<Shared>,
}

/// What clones share.
pub(super) struct Shared {
    pub(super) strategy: Live<Strategy>,
    pub(super) ignored: Once,
    pub(super) failed: Once,
}

/// Something that is counted each time, and told of once.
#[derive(Default)]
pub(super) struct Once {
    count: AtomicU64,
    told: AtomicBool,
}

// ===== impl ClientIpLayer =====

impl ClientIpLayer {
    /// Creates a layer that trusts no proxy: the client is the socket's other end.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Strategy::peer())
    }

    /// Creates a layer with a strategy.
    #[must_use]
    pub fn of(strategy: Strategy) -> Self {
        Self {
            on: true,
            strips: true,
            peer_from: None,
            default_peer: None,
            shared: Arc::new(Shared {
                strategy: Live::new(strategy),
                ignored: Once::default(),
                failed: Once::default(),
            }),
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

    /// Trusts proxies in these ranges, and no others, to append to `X-Forwarded-For`.
    #[must_use]
    pub fn trust(self, ranges: impl IntoIterator<Item = IpNet>) -> Self {
        self.with(Strategy::of_ranges(ranges))
    }

    /// Trusts proxies in a comma-separated list of ranges and addresses, and no others, to append
    /// to `X-Forwarded-For`. An empty list trusts nobody.
    ///
    /// # Errors
    ///
    /// Names every entry that is neither an address nor a CIDR range.
    pub fn trust_list(self, list: &str) -> Result<Self, ConfigError> {
        Ok(self.with(Strategy::of_list(list)?))
    }

    /// Reads the socket's other end from where the server leaves it.
    #[must_use]
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.peer_from = Some(peer);
        self
    }

    /// The socket's other end where the server knows none: on Unix sockets, and in tests.
    #[must_use]
    pub const fn default_peer(mut self, peer: SocketAddr) -> Self {
        self.default_peer = Some(peer);
        self
    }

    /// Whether forged headers are taken out before the application sees them. On by default.
    #[must_use]
    pub const fn strip_forged(mut self, on: bool) -> Self {
        self.strips = on;
        self
    }

    /// Replaces the strategy while requests are served.
    pub fn set_strategy(&self, strategy: Strategy) {
        self.shared.strategy.store(strategy);
    }

    /// The strategy that is in force.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.shared.strategy.load().clone()
    }

    /// Who the client of a request is, and why.
    #[must_use]
    pub fn explain(&self, peer: SocketAddr, headers: &HeaderMap) -> Decision {
        self.shared.strategy.load().explain(peer.ip(), headers)
    }

    /// Whether the layer does anything.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Whether forged headers are taken out.
    #[must_use]
    pub const fn strips_forged(&self) -> bool {
        self.strips
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        let left_by_server = || self.peer_from.and_then(|peer| peer(extensions));
        left_by_server()
            .or_else(|| extensions.get().copied())
            .or(self.default_peer)
    }

    fn with(self, strategy: Strategy) -> Self {
        Self {
            shared: Self::of(strategy).shared,
            ..self
        }
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

impl Counts for ClientIpLayer {
    fn counts(&self) -> Vec<Count> {
        vec![
            Count::total(
                "portcullis_client_address_ignored",
                "Requests of strangers that claimed to know their client",
                self.shared.ignored.count.load(Relaxed),
            ),
            Count::total(
                "portcullis_client_address_failed",
                "Requests of trusted proxies that did not say who their client is",
                self.shared.failed.count.load(Relaxed),
            ),
        ]
    }
}

impl fmt::Debug for ClientIpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIpLayer")
            .field("on", &self.on)
            .field("strategy", &self.strategy())
            .finish_non_exhaustive()
    }
}

// ===== impl Strategy =====

impl Strategy {
    /// Who the client is, of a trusted peer or of a stranger.
    pub(super) fn explain(&self, peer: IpAddr, headers: &HeaderMap) -> Decision {
        let peer = peer.to_canonical();
        match self.trusts(peer) {
            true => self.decide(peer, headers),
            false if self.reads().is_none() => Decision::new(self, peer, peer, 0, Why::NoProxy),
            false => Decision::new(self, peer, peer, 0, Why::Stranger),
        }
    }
}

// ===== impl Once =====

impl Once {
    /// Counts, and says whether this is the first time.
    pub(super) fn happened(&self) -> bool {
        self.count.fetch_add(1, Relaxed);
        !self.told.load(Relaxed) && !self.told.swap(true, Relaxed)
    }

    #[cfg(test)]
    pub(super) fn happened_before(&self) -> bool {
        self.count.load(Relaxed) > 0
    }
}
