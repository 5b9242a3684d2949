//! Signals that ask a process to stop.

use std::io;

/// Waits for SIGTERM or SIGINT.
#[cfg(unix)]
pub(super) async fn received() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn received() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
