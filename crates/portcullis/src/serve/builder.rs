use std::{
    fmt,
    future::{Future, IntoFuture},
    io,
    net::SocketAddr,
    pin::Pin,
    time::Duration,
};

use http::{Extensions, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use ipnet::IpNet;
use portcullis_core::BoxError;
use tokio::net::TcpListener;
use tower_service::Service;

use super::{
    Stopped, run,
    signal::{Signals, Stop},
};
use crate::{Health, networks::Networks};

/// Serves connections with a service: an axum `Router`, or any tower service.
///
/// Listens to signals from here on, so that one that comes before the first `await` counts.
///
/// See the [module docs](super) for an example.
pub fn serve<S>(listener: TcpListener, service: S) -> Serve<S>
where
    // Here too, and not only where it is needed, for the error message.
    S: Service<Request<Incoming>, Response: IsResponse>,
{
    Serve {
        listener,
        service,
        stop: Signals::listen().map(Stop::Signal),
        times: Times {
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(20),
            header: Duration::from_secs(10),
        },
        proxies: Networks::default(),
        health: None,
        leave_peer: None,
    }
}

/// What a service that [`serve()`] takes answers with: a `Response`.
#[diagnostic::on_unimplemented(
    message = "`serve` takes a service that answers with responses, not with `{Self}`",
    note = "pass the axum `Router` itself, not `into_make_service()` of it: each request carries its `PeerAddr` already"
)]
pub trait IsResponse {}

impl<B> IsResponse for Response<B> {}

/// Future returned by [`serve()`].
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve<S> {
    pub(super) listener: TcpListener,
    pub(super) service: S,
    pub(super) stop: io::Result<Stop>,
    pub(super) times: Times,
    /// Begin each connection with a PROXY header.
    pub(super) proxies: Networks,
    pub(super) health: Option<Health>,
    pub(super) leave_peer: Option<LeavePeer>,
}

/// Leaves the peer where others look for it.
pub(super) type LeavePeer = fn(&mut Extensions, SocketAddr);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) grace: Duration,
    pub(super) drain: Duration,
    pub(super) header: Duration,
}

// ===== impl Serve =====

impl<S> Serve<S> {
    /// Stops when `stop` is ready, and not on a signal.
    pub fn shutdown_on(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Ok(Stop::Future(Box::pin(stop)));
        self
    }

    /// Fails `/ready` before anything else stops, and runs the checks.
    pub fn health(mut self, health: &Health) -> Self {
        self.health = Some(health.clone());
        self
    }

    /// Goes on serving for this long after `/ready` has turned 503.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.times.grace = grace;
        self
    }

    /// Sets how long requests that are being served have to end.
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.times.drain = drain;
        self
    }

    /// Expects a PROXY header, version 1 or 2, at the start of each connection from these networks,
    /// and takes the address in it for the peer's.
    pub fn proxy_protocol(mut self, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        self.proxies = proxies.into_iter().collect();
        self
    }

    /// Leaves the peer elsewhere too, for handlers of another framework:
    /// `portcullis_axum::leave_connect_info` for axum's `ConnectInfo`. Nowhere by default: it is an
    /// allocation for each request, and [`PeerAddr`](crate::PeerAddr) is there.
    pub fn leave_peer(mut self, leave: fn(&mut Extensions, SocketAddr)) -> Self {
        self.leave_peer = Some(leave);
        self
    }

    /// Sets how long a client has to send its first byte, and then the head of each request.
    pub const fn header_timeout(mut self, timeout: Duration) -> Self {
        self.times.header = timeout;
        self
    }
}

impl<S, B> IntoFuture for Serve<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Output = io::Result<Stopped>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run::run(self))
    }
}

impl<S> fmt::Debug for Serve<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
