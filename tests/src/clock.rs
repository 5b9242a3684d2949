//! A paused clock beside real sockets.

use tokio::{sync::oneshot, task::spawn_blocking};

/// Keeps a paused clock where it is until the returned value is dropped.
///
/// Otherwise tokio's runs on to the next timer whenever there is nothing to do, and waiting for a
/// socket is nothing.
#[must_use]
pub fn hold() -> oneshot::Sender<()> {
    let (let_go, held) = oneshot::channel();
    spawn_blocking(move || held.blocking_recv());
    let_go
}
