use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

use http::{HeaderMap, Request};
use portcullis_core::{ClientIp, Facts, Host, PeerAddr};
use tower_service::Service;

use super::{ClientIpLayer, Strategy, claims};

/// Middleware that turns [`PeerAddr`] into [`ClientIp`]. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct ResolveClientIp<S> {
    inner: S,
    layer: ClientIpLayer,
}

impl<S> ResolveClientIp<S> {
    #[inline]
    pub(super) const fn new(inner: S, layer: ClientIpLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, B> Service<Request<B>> for ResolveClientIp<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        if self.layer.is_on() {
            self.layer.resolve(&mut req);
        }
        self.inner.call(req)
    }
}

// ===== impl ClientIpLayer =====

impl ClientIpLayer {
    #[inline]
    fn resolve<B>(&self, req: &mut Request<B>) {
        let strategy = self.shared().strategy.load();
        let known = Facts::of(req.extensions()).get();
        let known = known.map(|PeerAddr(peer)| *peer);
        let peer = known.or_else(|| self.peer(req.extensions()));
        let trusted = peer.filter(|peer| strategy.trusts(peer.ip().to_canonical()));
        if let Some(peer) = peer {
            let facts = Facts::of_mut(req.extensions_mut());
            facts.set(PeerAddr(peer));
            facts.set(ClientIp(peer.ip().to_canonical()));
        }
        match trusted {
            Some(peer) => self.believe(&strategy, peer, req),
            None if claims::first(req.headers(), &strategy).is_some() => {
                self.ignore(&strategy, peer, req.headers_mut());
            }
            None => {}
        }
    }

    /// Takes a trusted proxy's word.
    fn believe<B>(&self, strategy: &Strategy, peer: SocketAddr, req: &mut Request<B>) {
        let decision = strategy.decide(peer.ip().to_canonical(), req.headers());
        tracing::debug!(target: "portcullis::client_ip", %peer, "client {decision}");
        if decision.has_failed() && self.shared().failed.happened() {
            tracing::warn!(
                target: "portcullis::client_ip", %peer,
                "a trusted proxy does not say who its client is: {decision}"
            );
        }
        let (scheme, host) = claims::origin(req.headers(), strategy, decision.entries);
        let host = host.and_then(|host| host.parse().ok()).map(Host);
        let facts = Facts::of_mut(req.extensions_mut());
        facts.set(ClientIp(decision.client));
        facts.trust_peer();
        if let Some(scheme) = scheme {
            facts.set(scheme);
        }
        if let Some(host) = host {
            facts.set(host);
        }
        if self.strips_forged() {
            claims::strip(req.headers_mut(), strategy, Some(&decision));
        }
    }

    /// Takes no notice of what a stranger says.
    #[cold]
    fn ignore(&self, strategy: &Strategy, peer: Option<SocketAddr>, headers: &mut HeaderMap) {
        // Written out only if somebody listens: strangers can send many of these.
        if let Some(peer) = peer {
            tracing::debug!(
                target: "portcullis::client_ip", %peer,
                "client {}", strategy.explain(peer.ip(), headers)
            );
        }
        if self.shared().ignored.happened() {
            tracing::warn!(
                target: "portcullis::client_ip", ?peer, header = ?claims::first(headers, strategy),
                "a forwarding header came from a stranger and was ignored; \
                 if there is a proxy in front, trust its address"
            );
        }
        if self.strips_forged() {
            claims::strip(headers, strategy, None);
        }
    }
}
