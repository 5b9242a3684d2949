//! Accepting connections.

use std::{io, time::Duration};

use tokio::time::sleep;

use super::{listener::AnyListener, transport::Transport, wire::BoxIo};

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

    /// Accepts for ever, and hands each connection on.
    pub(super) async fn run(
        &mut self,
        mut serve: impl FnMut(BoxIo, std::net::SocketAddr, Transport),
    ) {
        self.listener.prepare();
        let mut failures = Failures::default();
        loop {
            match self.listener.accept().await {
                Ok((io, peer)) => {
                    failures.end();
                    serve(io, peer, self.transport.clone());
                }
                Err(error) => sleep(failures.add(&error)).await,
            }
        }
    }

    /// Takes connections that wait already.
    pub(super) async fn sweep(
        &mut self,
        mut serve: impl FnMut(BoxIo, std::net::SocketAddr, Transport),
    ) {
        while let Ok(Ok((io, peer))) =
            tokio::time::timeout(Duration::ZERO, self.listener.accept()).await
        {
            serve(io, peer, self.transport.clone());
        }
    }
}

/// Failures to accept, one after the other. Out of file descriptors, most likely.
#[derive(Debug, Default)]
struct Failures(u32);

// ===== impl Failures =====

impl Failures {
    /// Returns how long to wait. Logs the first.
    fn add(&mut self, error: &io::Error) -> Duration {
        if is_of_the_client(error) {
            return Duration::ZERO;
        }
        if self.0 == 0 {
            tracing::error!(target: "portcullis", %error, "accepts no connection; tries again");
        }
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.0.min(10))
            .min(LONGEST_WAIT);
        self.0 = self.0.saturating_add(1);
        wait
    }

    fn end(&mut self) {
        if self.0 > 0 {
            tracing::info!(target: "portcullis", failures = self.0, "accepts connections again");
            self.0 = 0;
        }
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
const LONGEST_WAIT: Duration = Duration::from_secs(1);
