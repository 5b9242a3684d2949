use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use http::{Extensions, HeaderMap, request};
use ipnet::IpNet;
use portcullis_core::{
    ClientIp, ConfigError, Count, Counts, Facts, Guard, Host, Live, PeerAddr, Reply, Verdict,
};

use super::{Decision, Strategy, decision::Why, forwarding};
use crate::engine::PeerFrom;

/// Finds the client's address. See the [module docs](super).
///
/// Clones share the strategy and what was counted.
#[derive(Clone)]
pub struct ResolveClientIp {
    strips: bool,
    peer_from: Option<PeerFrom>,
    default_peer: Option<SocketAddr>,
    shared: Arc<Shared>,
}

/// What clones share.
struct Shared {
    strategy: Live<Strategy>,
    ignored: Once,
    failed: Once,
}

/// Something that is counted each time, and told of once.
#[derive(Default)]
struct Once {
    count: AtomicU64,
    told: AtomicBool,
}

// ===== impl ResolveClientIp =====

impl ResolveClientIp {
    /// Creates a guard that trusts no proxy: the client is the peer.
    #[must_use]
    pub fn new() -> Self {
        Self::from_strategy(Strategy::peer())
    }

    /// Creates a guard with a strategy.
    #[must_use]
    pub fn from_strategy(strategy: Strategy) -> Self {
        Self {
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

    /// Trusts proxies in these ranges, and no others, to append to `X-Forwarded-For`.
    #[must_use]
    pub fn trust(self, ranges: impl IntoIterator<Item = IpNet>) -> Self {
        self.with(Strategy::from_ranges(ranges))
    }

    /// Trusts proxies in a comma-separated list of ranges and addresses, and no others, to append
    /// to `X-Forwarded-For`. An empty list trusts nobody.
    ///
    /// # Errors
    ///
    /// Returns every entry that is neither an address nor a CIDR range.
    pub fn trust_list(self, list: &str) -> Result<Self, ConfigError> {
        Ok(self.with(Strategy::from_list(list)?))
    }

    /// Reads the peer from where the server leaves it.
    #[must_use]
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.peer_from = Some(peer);
        self
    }

    /// Reads the peer from there unless something else was set.
    pub(crate) fn or_peer_from(mut self, peer: Option<PeerFrom>) -> Self {
        self.peer_from = self.peer_from.or(peer);
        self
    }

    /// Sets the peer where the server knows none: on Unix sockets, and in tests.
    #[must_use]
    pub const fn default_peer(mut self, peer: SocketAddr) -> Self {
        self.default_peer = Some(peer);
        self
    }

    /// Sets whether forged headers are taken out before the application sees them. On by default.
    #[must_use]
    pub const fn strip_forged(mut self, on: bool) -> Self {
        self.strips = on;
        self
    }

    /// Replaces the strategy while requests are served, in all clones.
    ///
    /// # Errors
    ///
    /// Returns an error, and leaves the old strategy in force, if a range trusts everybody.
    pub fn set_strategy(&self, strategy: Strategy) -> Result<(), ConfigError> {
        ConfigError::check(strategy.problems().collect())?;
        self.shared.strategy.store(strategy);
        Ok(())
    }

    /// Returns the strategy that is in force.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.shared.strategy.load().clone()
    }

    /// Returns who the client of a request is, and why.
    #[must_use]
    pub fn explain(&self, peer: SocketAddr, headers: &HeaderMap) -> Decision {
        self.shared.strategy.load().explain(peer.ip(), headers)
    }

    #[cfg(test)]
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.count.load(Relaxed) > 0
    }

    fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        let left_by_server = || self.peer_from.and_then(|peer| peer(extensions));
        left_by_server()
            .or_else(|| extensions.get().copied())
            .or(self.default_peer)
    }

    fn with(self, strategy: Strategy) -> Self {
        Self {
            shared: Self::from_strategy(strategy).shared,
            ..self
        }
    }
}

impl Default for ResolveClientIp {
    fn default() -> Self {
        Self::new()
    }
}

impl Guard for ResolveClientIp {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let strategy = self.shared.strategy.load();
        let known = Facts::of(&head.extensions).get();
        let known = known.map(|PeerAddr(peer)| *peer);
        let peer = known.or_else(|| self.peer(&head.extensions));
        let trusted = peer.filter(|peer| strategy.trusts(peer.ip().to_canonical()));
        if let Some(peer) = peer {
            let facts = Facts::of_mut(&mut head.extensions);
            facts.set(PeerAddr(peer));
            facts.set(ClientIp(peer.ip().to_canonical()));
        }
        match trusted {
            Some(peer) => self.believe(&strategy, peer, head),
            None if forwarding::first(&head.headers, &strategy).is_some() => {
                self.ignore(&strategy, peer, &mut head.headers);
            }
            None => {}
        }
        Verdict::Admit
    }

    fn describe(&self) -> String {
        self.strategy().to_string()
    }

    fn counts(&self) -> Vec<Count> {
        let counts = [
            Count::total(
                "portcullis_client_address_ignored",
                "Requests of untrusted peers with forwarding headers",
                self.shared.ignored.count.load(Relaxed),
            ),
            Count::total(
                "portcullis_client_address_failed",
                "Requests of trusted proxies that did not say who their client is",
                self.shared.failed.count.load(Relaxed),
            ),
        ];
        counts.map(|count| count.counted_by(&*self.shared)).into()
    }
}

impl ResolveClientIp {
    /// Takes a trusted proxy's word.
    fn believe(&self, strategy: &Strategy, peer: SocketAddr, head: &mut request::Parts) {
        let decision = strategy.decide(peer.ip().to_canonical(), &head.headers);
        tracing::debug!(target: "portcullis::client_ip", %peer, "client {decision}");
        if decision.has_failed() && self.shared.failed.happened() {
            tracing::warn!(
                target: "portcullis::client_ip", %peer,
                "a trusted proxy does not say who its client is: {decision}"
            );
        }
        let (scheme, host) = forwarding::origin(&head.headers, strategy, decision.entries);
        let host = host.and_then(|host| host.parse().ok()).map(Host);
        let facts = Facts::of_mut(&mut head.extensions);
        facts.set(ClientIp(decision.client));
        facts.trust_peer();
        if let Some(scheme) = scheme {
            facts.set(scheme);
        }
        if let Some(host) = host {
            facts.set(host);
        }
        if self.strips {
            forwarding::strip(&mut head.headers, strategy, Some(&decision));
        }
    }

    /// Takes no notice of what an untrusted peer says.
    #[cold]
    fn ignore(&self, strategy: &Strategy, peer: Option<SocketAddr>, headers: &mut HeaderMap) {
        // Written out only if somebody listens: anybody can send many of these.
        if let Some(peer) = peer {
            tracing::debug!(
                target: "portcullis::client_ip", %peer,
                "client {}", strategy.explain(peer.ip(), headers)
            );
        }
        if self.shared.ignored.happened() {
            tracing::warn!(
                target: "portcullis::client_ip", ?peer,
                header = ?forwarding::first(headers, strategy),
                "a forwarding header came from an untrusted peer and was ignored; \
                 if there is a proxy in front, trust its address"
            );
        }
        if self.strips {
            forwarding::strip(headers, strategy, None);
        }
    }
}

/// A page of metrics may ask the guard itself.
impl Counts for ResolveClientIp {
    fn counts(&self) -> Vec<Count> {
        Guard::counts(self)
    }
}

impl fmt::Debug for ResolveClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolveClientIp")
            .field("strategy", &self.strategy())
            .finish_non_exhaustive()
    }
}

// ===== impl Strategy =====

impl Strategy {
    /// Returns who the client is, of a trusted peer or of an untrusted one.
    pub(super) fn explain(&self, peer: IpAddr, headers: &HeaderMap) -> Decision {
        let peer = peer.to_canonical();
        if self.trusts(peer) {
            return self.decide(peer, headers);
        }
        let why = if self.reads().is_none() {
            Why::NoProxy
        } else {
            Why::Untrusted
        };
        Decision::new(self, peer, peer, 0, why)
    }
}

// ===== impl Once =====

impl Once {
    /// Counts. Returns `true` the first time.
    fn happened(&self) -> bool {
        self.count.fetch_add(1, Relaxed);
        !self.told.load(Relaxed) && !self.told.swap(true, Relaxed)
    }
}
