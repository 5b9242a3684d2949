use std::fmt;

use tokio::sync::watch;

/// Stops a server, and tells those who ask that it stops. Clones are handles to one.
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
pub struct Shutdown(watch::Sender<Stage>);

/// How far a server is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    Serving,
    /// Somebody said so.
    Asked,
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
        Self(watch::Sender::new(Stage::Serving))
    }

    /// Stops the server, as a signal does.
    pub fn begin(&self) {
        self.enter(Stage::Asked);
    }

    /// Returns `true` once nothing new is accepted.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Waits until nothing new is accepted: what would go on for ever ends now, or is cut.
    pub async fn draining(&self) {
        self.reached(Stage::Draining).await;
    }

    pub(super) async fn reached(&self, stage: Stage) {
        // The sender is here: there is no error.
        let _ = self.0.subscribe().wait_for(|now| *now >= stage).await;
    }

    /// There is no way back.
    pub(super) fn enter(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let is_later = stage > *now;
            *now = stage.max(*now);
            is_later
        });
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

// ===== impl Stage =====

impl Stage {
    pub(super) const fn from_u8(stage: u8) -> Self {
        match stage {
            0 => Self::Serving,
            1 => Self::Asked,
            2 => Self::Grace,
            3 => Self::Draining,
            _ => Self::Cut,
        }
    }
}
