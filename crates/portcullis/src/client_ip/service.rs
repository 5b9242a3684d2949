use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use http::Request;
use portcullis_core::{ClientIp, Facts, PeerAddr, Scheme};
use tower_service::Service;

use super::{ClientIpLayer, forwarded};

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
    fn resolve<B>(&self, req: &mut Request<B>) {
        if self.should_warn() && forwarded::is_claimed(req.headers()) {
            self.warn();
        }
        let known = Facts::of(req.extensions())
            .get()
            .map(|PeerAddr(peer)| *peer);
        let Some(peer) = known.or_else(|| self.peer(req.extensions())) else {
            return;
        };
        let found = self.find(peer, req);
        let facts = Facts::of_mut(req.extensions_mut());
        facts.set(PeerAddr(peer));
        facts.set(found.client);
        if found.peer_trusted {
            facts.trust_peer();
        }
        if let Some(scheme) = found.scheme {
            facts.set(scheme);
        }
    }

    fn find<B>(&self, peer: SocketAddr, req: &Request<B>) -> Found {
        let address = peer.ip().to_canonical();
        if !forwarded::is_trusted(address, self.trusted()) {
            return Found {
                client: ClientIp(address),
                peer_trusted: false,
                scheme: None,
            };
        }
        Found {
            client: ClientIp(forwarded::client(address, req.headers(), self.trusted())),
            peer_trusted: true,
            scheme: forwarded::scheme(req.headers()),
        }
    }

    fn warn(&self) {
        if !self.warned().swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a forwarding header came and no proxy is trusted, so it was ignored; \
                 if there is a proxy in front, trust its address"
            );
        }
    }
}

/// What the peer and, if it is trusted, its headers say.
struct Found {
    client: ClientIp,
    peer_trusted: bool,
    scheme: Option<Scheme>,
}
