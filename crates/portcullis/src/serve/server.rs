use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{Extensions, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use portcullis_core::{BoxError, Count, Counts, Scheme};
use tower_service::Service;

use super::{
    Listener, Shutdown, Stopped,
    accept::Accept,
    admin::Admin,
    any_io::{BoxIo, Io},
    connection::Connection,
    limits::Limits,
    open::Open,
    refusal::Render,
    run, serving,
    signal::{Signals, Stop},
    transport::Transport,
};
use crate::{Health, networks::Networks};

/// Serves connections with a service: an axum `Router`, or any tower service.
///
/// Listens to signals from here on, so that one that comes before the first `await` counts.
///
/// See the [module docs](super) for an example.
pub fn serve<S>(listener: impl Listener, service: S) -> Server<S>
where
    // Here too, and not only where it is needed, for the error message.
    S: Service<Request<Incoming>, Response: IsResponse>,
{
    Server::new(service).listen(listener)
}

/// What a service that [`serve()`] takes answers with: a `Response`.
#[diagnostic::on_unimplemented(
    message = "`serve` takes a service that answers with responses, not with `{Self}`",
    note = "pass the axum `Router` itself, not `into_make_service()` of it: each request carries its `PeerAddr` already"
)]
pub trait IsResponse {}

impl<B> IsResponse for Response<B> {}

/// A server: awaited, it serves until it is told to stop.
///
/// See the [module docs](super) for what it does, and for its defaults.
#[must_use = "a server does nothing until it is awaited"]
pub struct Server<S> {
    pub(super) connections: Connections<S>,
    pub(super) accepts: Vec<Accept>,
    pub(super) loops: Vec<AcceptLoop<S>>,
    pub(super) stopping: Stopping,
}

/// Serves connections that somebody else accepts. Clones are handles to one.
///
/// From [`Server::connections`], or given to [`Server::accept_loop`].
pub struct Connections<S> {
    pub(super) service: S,
    pub(super) settings: Arc<Settings>,
    pub(super) open: Open,
}

/// An accept loop of somebody else.
pub(super) type AcceptLoop<S> =
    Box<dyn FnOnce(Connections<S>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What holds for all connections.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    /// Begin each connection with a PROXY header.
    pub(super) proxies: Networks,
    pub(super) scheme: Option<Scheme>,
    pub(super) leave_peer: Option<LeavePeer>,
    pub(super) render: Option<Render>,
}

/// How a server stops.
pub(super) struct Stopping {
    /// Signals, or what was set in their place.
    pub(super) on: Option<io::Result<Stop>>,
    pub(super) shutdown: Shutdown,
    pub(super) health: Option<Health>,
    pub(super) grace: Option<Duration>,
    pub(super) drain: Duration,
    pub(super) flushes: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) admins: Vec<Admin>,
}

/// Leaves the peer where others look for it.
pub(super) type LeavePeer = fn(&mut Extensions, SocketAddr);

// ===== impl Server =====

impl<S> Server<S> {
    /// Creates a server that listens nowhere yet: see [`listen`](Self::listen) and
    /// [`accept_loop`](Self::accept_loop).
    pub fn new(service: S) -> Self {
        Self {
            connections: Connections {
                service,
                settings: Arc::new(Settings {
                    limits: Limits::DEFAULT,
                    proxies: Networks::default(),
                    scheme: None,
                    leave_peer: None,
                    render: None,
                }),
                open: Open::default(),
            },
            accepts: Vec::new(),
            loops: Vec::new(),
            stopping: Stopping {
                on: None,
                shutdown: Shutdown::new(),
                health: None,
                grace: None,
                drain: Duration::from_secs(20),
                flushes: Vec::new(),
                admins: Vec::new(),
            },
        }
    }

    pub(super) fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.connections.settings)
    }

    pub(super) fn accept(mut self, listener: impl Listener, transport: Transport) -> Self {
        self.accepts.push(Accept {
            listener: Box::new(listener),
            transport,
        });
        self.listen_to_signals()
    }

    pub(super) fn listen_to_signals(mut self) -> Self {
        let on = &mut self.stopping.on;
        on.get_or_insert_with(|| Signals::listen().map(Stop::Signal));
        self
    }

    /// Returns what serves connections that somebody else accepts, with the settings made so far.
    ///
    /// It listens to no signals: see [`stop`](Self::stop).
    #[must_use]
    pub fn connections(&self) -> Connections<S>
    where
        S: Clone,
    {
        self.connections.clone()
    }

    /// Returns what a page of metrics counts of the server's connections, now and later.
    pub fn counts(&self) -> impl Counts + use<S> {
        ConnectionCounts(self.connections.open.clone())
    }

    /// Stops, in the order in which a signal makes a server stop that is awaited.
    /// [`Shutdown::skip`] cuts it short.
    pub async fn stop(self) -> Stopped {
        let open = self.connections.open;
        let joined = self.stopping.shutdown.join();
        let accepting = run::Accepting::default();
        run::stop(&open, self.stopping, joined, accepting, pending()).await
    }
}

// ===== impl Connections =====

impl<S, B> Connections<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// Serves a connection that was accepted. The future ends when the connection does, or is upgraded;
    /// dropped, it cuts it.
    ///
    /// All limits of the server hold, from the call on. Nothing is served once it drains.
    pub fn serve_connection<I: Io>(
        &self,
        io: I,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + use<S, B, I> {
        self.serve(Box::new(io), peer, Transport::Plain)
    }

    pub(super) fn serve(
        &self,
        io: BoxIo,
        peer: SocketAddr,
        transport: Transport,
    ) -> impl Future<Output = ()> + Send + use<S, B> {
        let client = peer.ip();
        let is_client = !self.settings.proxies.contains(client);
        let client = is_client.then_some(client);
        let slot = self.open.open(&self.settings.limits, client);
        let settings = Arc::clone(&self.settings);
        let service = self.service.clone();
        async move {
            let Some(slot) = slot else {
                return;
            };
            let connection = Connection {
                io,
                peer,
                transport,
                settings,
                slot,
            };
            if let Some(opened) = connection.open().await {
                serving::serve(opened, service).await;
            }
        }
    }
}

impl<S: Clone> Clone for Connections<S> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            settings: Arc::clone(&self.settings),
            open: self.open.clone(),
        }
    }
}

impl<S> fmt::Debug for Connections<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("open", &self.open.count())
            .field("limits", &self.settings.limits)
            .finish_non_exhaustive()
    }
}

impl<S, B> IntoFuture for Server<S>
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

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &(self.accepts.len() + self.loops.len()))
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// What is counted of a server's connections.
struct ConnectionCounts(Open);

// ===== impl ConnectionCounts =====

impl Counts for ConnectionCounts {
    fn counts(&self) -> Vec<Count> {
        let tally = self.0.tally();
        let counts = tally.counts(&self.0).into_iter();
        counts.map(|count| count.counted_by(tally)).collect()
    }
}
