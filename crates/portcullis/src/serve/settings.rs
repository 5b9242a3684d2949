//! What can be set on a server.

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

use http::{Extensions, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use ipnet::IpNet;
use portcullis_core::{BoxError, Scheme};
use tower_service::Service;

use super::{
    Connections, Listener, Server, Shutdown,
    admin::Admin,
    limits::{Versions, capped},
    signal::Stop,
    transport::Transport,
    unparsed,
};
use crate::{EdgeLayer, Health};

/// Where connections come from.
impl<S> Server<S> {
    /// Listens here too.
    pub fn listen(self, listener: impl Listener) -> Self {
        self.accept(listener, Transport::Plain)
    }

    /// Listens here too, over TLS.
    #[cfg(feature = "tls")]
    pub fn listen_tls(self, listener: impl Listener, tls: &super::Tls) -> Self {
        self.accept(listener, Transport::Tls(tls.clone()))
    }

    /// Runs an accept loop of one's own, until the server drains; then it is dropped, and what waits
    /// at its listener is lost, where [`listen`](Self::listen) still takes that.
    pub fn accept_loop<F, U>(mut self, accept: F) -> Self
    where
        F: FnOnce(Connections<S>) -> U + Send + 'static,
        U: Future<Output = ()> + Send + 'static,
    {
        self.loops
            .push(Box::new(|connections| Box::pin(accept(connections))));
        self.listen_to_signals()
    }

    /// Serves another service on a listener of its own, with the defaults of a server:
    /// [`AdminPages`](super::AdminPages), or whatever is not for the public. It is served to the very end, whatever becomes of the
    /// public one, and its connections don't count.
    pub fn admin<A, B>(mut self, listener: impl Listener, service: A) -> Self
    where
        A: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        A::Error: Into<BoxError>,
        A::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.stopping.admins.push(Admin::new(listener, service));
        self
    }

    /// Expects a PROXY header, version 1 or 2, at the start of each connection from these networks,
    /// and takes the address in it for the peer's.
    pub fn proxy_protocol(mut self, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        self.settings().proxies = proxies.into_iter().collect();
        self
    }

    /// Leaves the peer elsewhere too, for handlers of another framework:
    /// `portcullis_axum::leave_connect_info` for axum's `ConnectInfo`. Nowhere by default: it is an
    /// allocation for each request, and [`PeerAddr`](crate::PeerAddr) is there.
    pub fn leave_peer(mut self, leave: fn(&mut Extensions, SocketAddr)) -> Self {
        self.settings().leave_peer = Some(leave);
        self
    }

    /// Answers what the parser refuses as this edge answers: with its headers, the request's ID and its
    /// format, seen by its observers. Otherwise it is a status without a body.
    ///
    /// When the server has stopped it waits until the edge's observers have written what they have, such as
    /// lines of an access log: for at most 5 s each, as with [`flush`](Self::flush).
    pub fn edge<M: 'static>(mut self, edge: &EdgeLayer<M>) -> Self {
        self.settings().render = Some(unparsed::by(edge.clone()));
        self.stopping.flushes.extend(edge.on_stop());
        self
    }

    /// Sets which scheme clients use, where the server can't know: `https` behind something that ends
    /// TLS and tells nobody.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.settings().scheme = Some(scheme);
        self
    }

    /// Speaks HTTP/1 only.
    pub fn http1_only(mut self) -> Self {
        self.settings().limits.versions = Versions::Http1;
        self
    }

    /// Speaks HTTP/2 only.
    pub fn http2_only(mut self) -> Self {
        self.settings().limits.versions = Versions::Http2;
        self
    }
}

/// Limits of time.
impl<S> Server<S> {
    /// Sets how long a client has for a whole head: from the connection on, and from the first byte
    /// of each request after the first.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.settings().limits.head = capped(timeout);
        self
    }

    /// Sets how long a client has for the TLS handshake.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings().limits.handshake = capped(timeout);
        self
    }

    /// Sets how long a connection may be without a request.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings().limits.idle = capped(timeout);
        self
    }

    /// Sets in which time a client that is written to must read something: a connection, at least 256
    /// bytes a second; a stream of HTTP/2, at least a frame.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.settings().limits.write = capped(timeout);
        self
    }

    /// Closes connections of this age, and gives what is under way then the `grace` to end. Upgraded
    /// ones are their handlers' to end.
    pub fn max_age(mut self, age: Duration, grace: Duration) -> Self {
        self.settings().limits.age = Some(capped(age));
        self.settings().limits.age_grace = capped(grace);
        self
    }
}

/// Limits of number.
impl<S> Server<S> {
    /// Sets how many connections there may be. One more takes the place of one on which nothing is in
    /// flight, of those that were looked at the one that waited longest; where there is none, it is
    /// closed at once. So who holds connections and says nothing keeps nobody out.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings().limits.connections = connections;
        self
    }

    /// Sets how many connections an address may have, or a /64 of IPv6.
    pub fn max_client_connections(mut self, connections: usize) -> Self {
        self.settings().limits.client_connections = Some(connections);
        self
    }

    /// Sets how many streams a connection of HTTP/2 may have at once.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.settings().limits.streams = streams;
        self
    }
}

/// Stopping.
impl<S> Server<S> {
    /// Stops when `stop` is ready, and not on a signal. One that comes then is the second.
    pub fn shutdown_on(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stopping.on = Some(Ok(Stop::Future(Box::pin(stop))));
        self
    }

    /// Stops when this says so, as well as on a signal; and tells those who ask it that the server
    /// drains. Several servers may have one.
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.stopping.shutdown = shutdown.clone();
        self
    }

    /// Fails `/ready` before anything else stops, and runs the checks.
    pub fn health(mut self, health: &Health) -> Self {
        self.stopping.health = Some(health.clone());
        self
    }

    /// Goes on serving for this long after `/ready` has turned 503.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.stopping.grace = Some(grace);
        self
    }

    /// Sets how long requests that are being served have to end.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.stopping.drain = drain;
        self
    }

    /// Runs this when all connections have ended, or were cut, for at most 5 s: what exporters and audit
    /// logs have of the last requests. One that panics is logged.
    pub fn flush(mut self, flush: impl Future<Output = ()> + Send + 'static) -> Self {
        let flush: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(flush);
        self.stopping.flushes.push(flush);
        self
    }
}
