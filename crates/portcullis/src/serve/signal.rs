//! What makes a server stop.

use std::{
    future::{Future, pending},
    io,
    pin::Pin,
};

/// What makes a server stop.
pub(super) enum Stop {
    Signal(Signals),
    // Once in the life of a server: a box keeps the type simple.
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
    Never,
}

/// SIGTERM and SIGINT, listened to from the moment this is made.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals;

// ===== impl Stop =====

impl Stop {
    /// Waits to be told to stop. The second time only a signal tells anything, whatever it was before.
    pub(super) async fn wait(&mut self) {
        match self {
            Self::Signal(signals) => signals.received().await,
            Self::Future(future) => {
                future.as_mut().await;
                // From here on: a signal may be what made the future ready.
                *self = Signals::listen().map_or(Self::Never, Self::Signal);
            }
            Self::Never => pending().await,
        }
    }
}

// ===== impl Signals =====

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler there is nothing to wait for.
            pending().await
        }
    }
}
