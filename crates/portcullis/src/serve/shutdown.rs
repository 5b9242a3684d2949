use std::fmt;

use tokio::sync::watch;

/// Stops servers, and tells those who ask that they stop. Clones are handles to one.
///
/// Several servers may have one, such as a public and an internal one. Each stops in its own order
/// and time.
///
/// ```
/// # use std::time::Duration;
/// use portcullis::serve::Shutdown;
///
/// /// A stream of events ends by itself when the server is about to.
/// async fn events(shutdown: Shutdown) {
///     let mut events = tokio::time::interval(Duration::from_secs(5));
///     loop {
///         tokio::select! {
///             _ = events.tick() => { /* send one */ }
///             () = shutdown.draining() => break,
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Shutdown(watch::Sender<Told>);

/// What servers were told, and how far they are.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    to_stop: bool,
    to_skip: bool,
    /// That serve, or did.
    servers: usize,
    /// Of these, that accept nothing more.
    draining: usize,
}

/// A server that has the handle. Dropped, it serves no more.
pub(super) struct Joined {
    shutdown: Shutdown,
    is_draining: bool,
}

/// How far a server is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    Serving,
    /// Not ready; everything is served.
    Grace,
    /// Nothing new is accepted.
    Draining,
    /// Time is up.
    Cut,
}

// ===== impl Shutdown =====

impl Shutdown {
    /// Creates one, for [`Server::shutdown`](super::Server::shutdown).
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// Stops the servers, as a signal does. Once more changes nothing.
    pub fn begin(&self) {
        self.0.send_modify(|told| told.to_stop = true);
    }

    /// Stops the servers, or goes on with it, without waiting for anything: what is open is cut, as a
    /// second signal does.
    pub fn skip(&self) {
        self.0.send_modify(|told| {
            told.to_stop = true;
            told.to_skip = true;
        });
    }

    /// Returns `true` once nothing new is accepted, by any of the servers.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.borrow().are_draining()
    }

    /// Waits until nothing new is accepted, by any of the servers: what would go on for ever ends
    /// now, or is cut.
    pub async fn draining(&self) {
        self.told(Told::are_draining).await;
    }

    pub(super) async fn begun(&self) {
        self.told(|told| told.to_stop).await;
    }

    pub(super) async fn skipped(&self) {
        self.told(|told| told.to_skip).await;
    }

    /// A server has it, and serves.
    pub(super) fn join(&self) -> Joined {
        self.0.send_modify(|told| told.servers += 1);
        Joined {
            shutdown: self.clone(),
            is_draining: false,
        }
    }

    async fn told(&self, what: impl FnMut(&Told) -> bool) {
        // The sender is here: there is no error.
        let _ = self.0.subscribe().wait_for(what).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&*self.0.borrow()).finish()
    }
}

// ===== impl Told =====

impl Told {
    const fn are_draining(&self) -> bool {
        self.servers > 0 && self.draining == self.servers
    }
}

// ===== impl Joined =====

impl Joined {
    /// It accepts nothing more.
    pub(super) fn drains(&mut self) {
        if !self.is_draining {
            self.is_draining = true;
            self.shutdown.0.send_modify(|told| told.draining += 1);
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if !self.is_draining {
            self.shutdown.0.send_modify(|told| told.servers -= 1);
        }
    }
}

// ===== impl Stage =====

impl Stage {
    pub(super) const fn from_u8(stage: u8) -> Self {
        match stage {
            0 => Self::Serving,
            1 => Self::Grace,
            2 => Self::Draining,
            _ => Self::Cut,
        }
    }
}
