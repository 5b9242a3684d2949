//! Accepting, and stopping.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    rt::TokioExecutor,
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use portcullis_core::BoxError;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower_service::Service;

use super::{
    Serve, Stopped,
    builder::{LeavePeer, Times},
    connection::{self, Connection},
};
use crate::networks::Networks;

/// Serves until told to stop, and then stops.
pub(super) async fn run<S, B>(serve: Serve<S>) -> io::Result<Stopped>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let Serve {
        listener,
        service,
        stop,
        times,
        proxies,
        health,
        leave_peer,
    } = serve;
    if let Some(health) = &health {
        health.start();
    }
    let mut stop = stop?;
    let mut acceptor = Acceptor::new(listener, service, times, proxies);
    acceptor.leave_peer = leave_peer;
    acceptor.accept_until(stop.wait()).await;

    let started = Instant::now();
    if let Some(health) = &health {
        health.drain();
    }
    let in_a_hurry = acceptor
        .accept_until(either(stop.wait(), times.grace))
        .await;
    let limit = async {
        if !in_a_hurry {
            either(stop.wait(), times.drain).await;
        }
    };
    let (ended, cut) = acceptor.stop(limit).await;
    Ok(Stopped {
        ended,
        cut,
        took: started.elapsed(),
    })
}

/// Waits for the first of the two. Says whether it was the event.
async fn either(event: impl Future<Output = ()>, time: Duration) -> bool {
    timeout(time, event).await.is_ok()
}

struct Acceptor<S> {
    listener: TcpListener,
    service: S,
    times: Times,
    proxies: Networks,
    leave_peer: Option<LeavePeer>,
    protocol: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    draining: watch::Sender<()>,
    connections: JoinSet<()>,
}

// ===== impl Acceptor =====

impl<S, B> Acceptor<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn new(listener: TcpListener, service: S, times: Times, proxies: Networks) -> Self {
        Self {
            listener,
            service,
            times,
            proxies,
            leave_peer: None,
            protocol: connection::protocol(times),
            graceful: GracefulShutdown::new(),
            draining: watch::Sender::new(()),
            connections: JoinSet::new(),
        }
    }

    async fn accept_until<T>(&mut self, stop: impl Future<Output = T>) -> T {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                stopped = &mut stop => return stopped,
                Some(_) = self.connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((io, peer)) => self.spawn(io, peer),
                    // Out of file descriptors, most likely: trying again at once burns the CPU.
                    Err(_) => sleep(ACCEPT_BACKOFF).await,
                },
            }
        }
    }

    fn spawn(&mut self, io: TcpStream, peer: SocketAddr) {
        let connection = Connection {
            io,
            peer,
            times: self.times,
            is_proxied: self.proxies.contains(peer.ip()),
            leave_peer: self.leave_peer,
            protocol: self.protocol.clone(),
            watcher: self.graceful.watcher(),
            draining: self.draining.subscribe(),
        };
        let service = self.service.clone();
        self.connections.spawn(connection.serve(service));
    }

    /// Closes the listener and waits for connections to end. Says how many did, and how many had
    /// to be cut.
    async fn stop(self, limit: impl Future<Output = ()>) -> (usize, usize) {
        let Self {
            listener,
            graceful,
            draining,
            mut connections,
            ..
        } = self;
        drop((listener, draining));
        let open = still_running(&mut connections);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = limit => {}
        }
        let cut = still_running(&mut connections);
        connections.shutdown().await;
        (open - cut, cut)
    }
}

fn still_running(connections: &mut JoinSet<()>) -> usize {
    while connections.try_join_next().is_some() {}
    connections.len()
}

const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
