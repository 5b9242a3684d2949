//! Serving, and stopping.

use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::pin,
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use portcullis_core::BoxError;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};
use tower_service::Service;

use super::{
    Connections, Server, Stopped,
    accept::Accept,
    open::Open,
    server::Stopping,
    shutdown::{Joined, Stage},
    signal::Stop,
};

/// Serves until told to stop, and then stops.
pub(super) async fn run<S, B>(server: Server<S>) -> io::Result<Stopped>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let Server {
        connections,
        accepts,
        loops,
        mut stopping,
    } = server;
    let limits = &connections.settings.limits;
    let is_deaf = accepts.is_empty() && loops.is_empty();
    let checked = limits.check(is_deaf);
    checked.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut stop = stopping.on.take().unwrap_or(Ok(Stop::Never))?;
    if let Some(health) = &stopping.health {
        health.start();
    }
    let joined = stopping.shutdown.join();
    let mut accepting = Accepting::default();
    for accept in accepts {
        let (accept, closed) = (accept.speaking(limits.versions), accepting.closed());
        let accepted = accept_until(closed, accept, connections.clone());
        accepting.tasks.spawn(accepted);
    }
    for accept_loop in loops {
        let (accept_loop, closed) = (accept_loop(connections.clone()), accepting.closed());
        accepting.tasks.spawn(until(accept_loop, closed));
    }
    for admin in &mut stopping.admins {
        admin.start();
    }
    let asked = stopping.shutdown.clone();
    let told = until(asked.begun(), stop.wait());
    let mut panicked = Ok(());
    let watched = async { panicked = Err(accepting.panicked().await) };
    until(watched, told).await;
    let again = stop.wait();
    let stopped = self::stop(&connections.open, stopping, joined, accepting, again).await;
    panicked.map(|()| stopped)
}

async fn accept_until<S, B>(
    closed: impl Future<Output = ()>,
    mut accept: Accept,
    connections: Connections<S>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let serve = |io, peer, transport| {
        tokio::spawn(connections.serve(io, peer, transport));
    };
    until(accept.run(&connections.open, serve), closed).await;
    accept.sweep(serve).await;
}

/// Stops: not ready, then nothing new, then nothing at all.
pub(super) async fn stop(
    open: &Open,
    stopping: Stopping,
    mut joined: Joined,
    accepting: Accepting,
    again: impl Future<Output = ()>,
) -> Stopped {
    let started = Instant::now();
    let ended_before = open.ended();
    let skipped = stopping.shutdown.clone();
    let mut again = pin!(until(again, skipped.skipped()));
    open.enter(Stage::Grace);
    if let Some(health) = &stopping.health {
        health.drain();
    }
    let is_in_a_hurry = timeout(stopping.grace(), again.as_mut()).await.is_ok();

    accepting.close().await;
    joined.drains();
    open.enter(Stage::Draining);
    if !is_in_a_hurry {
        let ended = until(open.emptied(), again.as_mut());
        // What is left then is cut.
        let _ = timeout(stopping.drain, ended).await;
    }

    let cut = open.count();
    let ended = open.ended() - ended_before;
    open.enter(Stage::Cut);
    let _ = timeout(CUT_LIMIT, open.emptied()).await;
    let took = started.elapsed();
    stopping.end().await;
    Stopped { ended, cut, took }
}

/// Waits for the first of the two, the second first.
async fn until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|cx| {
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        work.as_mut().poll(cx)
    })
    .await;
}

/// Tasks that accept connections, until they are told that the server is closed.
#[derive(Default)]
pub(super) struct Accepting {
    tasks: JoinSet<()>,
    is_closed: watch::Sender<bool>,
}

// ===== impl Accepting =====

impl Accepting {
    /// Waits until the server is closed.
    fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_closed = self.is_closed.subscribe();
        async move {
            // Without a sender there is no server.
            let _ = is_closed.wait_for(|is_closed| *is_closed).await;
        }
    }

    async fn close(mut self) {
        self.is_closed.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }

    /// Waits for a panic of what accepts. A server that is deaf and lives would be left so: it stops.
    async fn panicked(&mut self) -> io::Error {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(target: "portcullis", %error, "accepting panicked: the server stops");
                return io::Error::other(error);
            }
        }
        tracing::warn!(target: "portcullis", "all accept loops have ended: no connection is accepted");
        pending().await
    }
}

// ===== impl Stopping =====

impl Stopping {
    /// Load balancers need time only where they are told something.
    fn grace(&self) -> Duration {
        let default = if self.health.is_some() {
            DEFAULT_GRACE
        } else {
            Duration::ZERO
        };
        self.grace.unwrap_or(default)
    }

    /// Lets others write what they have of the last requests.
    async fn end(self) {
        for flush in self.flushes {
            // In a task of its own: one that panics leaves the others.
            let mut flushing = tokio::spawn(flush);
            match timeout(FLUSH_LIMIT, &mut flushing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(target: "portcullis", %error, "not flushed"),
                Err(_) => {
                    flushing.abort();
                    tracing::warn!(target: "portcullis", limit = ?FLUSH_LIMIT, "not flushed in time");
                }
            }
        }
        drop(self.admins);
    }
}

/// The time in which Kubernetes takes a pod out of its endpoints.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// For tasks that are told to end to do so.
const CUT_LIMIT: Duration = Duration::from_secs(1);

const FLUSH_LIMIT: Duration = Duration::from_secs(5);
