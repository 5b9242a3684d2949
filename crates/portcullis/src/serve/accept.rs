//! Accepting connections.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout},
};

use super::{
    any_io::BoxIo,
    listener::{AnyListener, BACKLOG},
    open::Open,
    transport::Transport,
};

/// A listener, and what is between its connections and HTTP.
pub(super) struct Accept {
    pub(super) listener: Box<dyn AnyListener>,
    pub(super) transport: Transport,
}

// ===== impl Accept =====

impl Accept {
    /// Offers only what the server speaks.
    #[cfg(feature = "tls")]
    pub(super) fn speaking(mut self, versions: super::limits::Versions) -> Self {
        self.transport = self.transport.speaking(versions);
        self
    }

    #[cfg(not(feature = "tls"))]
    pub(super) const fn speaking(self, _: super::limits::Versions) -> Self {
        self
    }

    /// Accepts for ever, and hands each connection on. Where the system has no room for one, one that
    /// is open and waits makes it.
    pub(super) async fn run(
        &mut self,
        open: &Open,
        mut serve: impl FnMut(BoxIo, SocketAddr, Transport),
    ) {
        self.listener.prepare();
        let mut failures = Failures::default();
        loop {
            match self.listener.accept().await {
                Ok((io, peer)) => {
                    failures.end();
                    serve(io, peer, self.transport.clone());
                }
                // A listener that says nothing else must not keep the others from their turn.
                Err(error) if is_of_the_client(&error) => yield_now().await,
                Err(error) => {
                    open.make_room();
                    sleep(failures.add(&error)).await;
                }
            }
        }
    }

    /// Takes connections that wait already: no more than may.
    pub(super) async fn sweep(&mut self, mut serve: impl FnMut(BoxIo, SocketAddr, Transport)) {
        for _ in 0..BACKLOG {
            let accepted = timeout(Duration::ZERO, self.listener.accept()).await;
            let Ok(Ok((io, peer))) = accepted else {
                return;
            };
            serve(io, peer, self.transport.clone());
        }
    }
}

/// Failures to accept, one after the other. Out of file descriptors, most likely.
#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    logged: Option<Instant>,
}

// ===== impl Failures =====

impl Failures {
    /// Returns how long to wait. Logs the first of a minute.
    fn add(&mut self, error: &io::Error) -> Duration {
        let is_logged = self.logged.is_some_and(|at| at.elapsed() < LOGGED_EVERY);
        if !is_logged {
            self.logged = Some(Instant::now());
            tracing::error!(target: "portcullis", %error, "accepts no connection; tries again");
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.in_a_row.min(10));
        self.in_a_row = self.in_a_row.saturating_add(1);
        wait.min(LONGEST_WAIT)
    }

    const fn end(&mut self) {
        self.in_a_row = 0;
    }
}

/// Whether one connection failed, and not the listener.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

const FIRST_WAIT: Duration = Duration::from_millis(5);
const LOGGED_EVERY: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
