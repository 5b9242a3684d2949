//! One connection.

use std::{net::SocketAddr, time::Duration};

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::Watcher},
    service::TowerToHyperService,
};
use portcullis_core::{BoxError, Facts, PeerAddr};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tower_service::Service;

use super::{
    builder::{LeavePeer, Times},
    proxy,
};

/// The settings of HTTP/1 and HTTP/2, made once.
pub(super) fn protocol(times: Times) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(times.header);
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(PING_INTERVAL);
    builder
}

/// One connection that was accepted.
pub(super) struct Connection {
    pub(super) io: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) times: Times,
    /// Whether it begins with a PROXY header.
    pub(super) is_proxied: bool,
    pub(super) leave_peer: Option<LeavePeer>,
    pub(super) protocol: Builder<TokioExecutor>,
    pub(super) watcher: Watcher,
    pub(super) draining: watch::Receiver<()>,
}

impl Connection {
    /// Serves the connection until it ends, or the watcher tells it to.
    pub(super) async fn serve<S, B>(mut self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = self.io.set_nodelay(true);
        if !self.is_introduced().await || !self.has_spoken().await {
            return;
        }
        let peer = PeerAddr(self.peer);
        let inner = TowerToHyperService::new(service);
        let service = service_fn(move |mut req: Request<Incoming>| {
            Facts::of_mut(req.extensions_mut()).set(peer);
            if let Some(leave) = self.leave_peer {
                leave(req.extensions_mut(), peer.0);
            }
            hyper::service::Service::call(&inner, req)
        });
        let io = TokioIo::new(self.io);
        let connection = self.protocol.serve_connection_with_upgrades(io, service);
        // The client is gone; there is nobody to tell.
        let _ = self.watcher.watch(connection).await;
    }

    /// Reads whom a proxy speaks for.
    async fn is_introduced(&mut self) -> bool {
        if !self.is_proxied {
            return true;
        }
        let introduction = timeout(self.times.header, proxy::read(&mut self.io));
        let source = tokio::select! {
            source = introduction => source.unwrap_or_else(|late| Err(late.into())),
            _ = self.draining.changed() => return false,
        };
        match source {
            Ok(Some(source)) => self.peer = source,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(target: "portcullis", proxy = %self.peer, %error, "closed");
                return false;
            }
        }
        true
    }

    /// Waits for the first byte: hyper's limits begin with it.
    async fn has_spoken(&mut self) -> bool {
        let mut first = [0];
        // Being readable is only a hint: looking is sure.
        let spoken = timeout(self.times.header, self.io.peek(&mut first));
        tokio::select! {
            spoken = spoken => matches!(spoken, Ok(Ok(1))),
            _ = self.draining.changed() => false,
        }
    }
}

const PING_INTERVAL: Duration = Duration::from_secs(20);
