//! Serving, and stopping.

use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use portcullis_core::BoxError;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tower_service::Service;

use super::{
    Connections, Server, Shutdown, Stopped, accept::Accept, open::Open, server::Stopping,
    shutdown::Stage, signal::Stop,
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
    let checked = limits.check();
    checked.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut stop = stopping.on.take().unwrap_or(Ok(Stop::Never))?;
    if let Some(health) = &stopping.health {
        health.start();
    }
    let mut accepting = JoinSet::new();
    for accept in accepts {
        let accept = accept.speaking(limits.versions);
        let shutdown = stopping.shutdown.clone();
        accepting.spawn(accept_until_draining(accept, connections.clone(), shutdown));
    }
    for accept_loop in loops {
        let shutdown = stopping.shutdown.clone();
        let accept_loop = accept_loop(connections.clone());
        accepting.spawn(async move { until(accept_loop, shutdown.draining()).await });
    }
    for admin in &mut stopping.admins {
        admin.start();
    }
    let asked = stopping.shutdown.clone();
    let told = until(asked.reached(Stage::Asked), stop.wait());
    let mut panicked = Ok(());
    until(
        async { panicked = Err(panic_in(&mut accepting).await) },
        told,
    )
    .await;
    let stopped = self::stop(&connections.open, stopping, accepting, stop.wait()).await;
    panicked.map(|()| stopped)
}

/// Waits for a panic of what accepts. A server that is deaf and lives would be left so: it stops.
async fn panic_in(accepting: &mut JoinSet<()>) -> io::Error {
    while let Some(ended) = accepting.join_next().await {
        if let Err(error) = ended {
            tracing::error!(target: "portcullis", %error, "accepting panicked: the server stops");
            return io::Error::other(error);
        }
    }
    // None accepts, as told: whoever is served is served on.
    pending().await
}

async fn accept_until_draining<S, B>(
    mut accept: Accept,
    connections: Connections<S>,
    shutdown: Shutdown,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let serve = |io, peer, transport| {
        tokio::spawn(connections.serve(io, peer, transport));
    };
    until(accept.run(&connections.open, serve), shutdown.draining()).await;
    accept.sweep(serve).await;
}

/// Stops: not ready, then nothing new, then nothing at all.
pub(super) async fn stop(
    open: &Open,
    stopping: Stopping,
    mut accepting: JoinSet<()>,
    again: impl Future<Output = ()>,
) -> Stopped {
    let Stopping {
        shutdown, health, ..
    } = &stopping;
    let started = Instant::now();
    let ended_before = open.ended();
    let mut again = pin!(again);
    shutdown.enter(Stage::Grace);
    open.enter(Stage::Grace);
    if let Some(health) = health {
        health.drain();
    }
    let is_in_a_hurry = timeout(stopping.grace(), again.as_mut()).await.is_ok();

    shutdown.enter(Stage::Draining);
    while accepting.join_next().await.is_some() {}
    open.enter(Stage::Draining);
    if !is_in_a_hurry {
        let ended = until(open.emptied(), again.as_mut());
        // What is left then is cut.
        let _ = timeout(stopping.drain, ended).await;
    }

    let cut = open.count();
    let ended = open.ended() - ended_before;
    shutdown.enter(Stage::Cut);
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
            let flushed: Pin<Box<dyn Future<Output = ()> + Send>> = flush;
            if timeout(FLUSH_LIMIT, flushed).await.is_err() {
                tracing::warn!(target: "portcullis", limit = ?FLUSH_LIMIT, "not flushed in time");
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
