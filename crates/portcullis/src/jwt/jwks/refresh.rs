//! The task that fetches.

use std::sync::{
    Arc,
    atomic::Ordering::{Relaxed, Release},
};

use portcullis_core::{BoxError, observe::Escaped};
use tokio::time::{timeout, timeout_at};

use super::{flight::Change, known::Known, shared::Shared};

/// Lets another task begin when this one ends, whyever it does: with its runtime, which may be before it
/// was ever polled, or by a panic of a source.
pub(super) struct Running(pub(super) Arc<Shared>);

/// Fetches whenever that is due or demanded, until it is dropped.
pub(super) async fn run(running: Running) {
    let shared = &*running.0;
    loop {
        let due = shared.flight().due();
        // Woken or due: the flight knows.
        if !shared.flight().is_pending() {
            let _ = timeout_at(due, shared.demanded.notified()).await;
        }
        if shared.flight().begin() {
            refresh(shared).await;
        }
    }
}

async fn refresh(shared: &Shared) {
    shared.fetches.fetch_add(1, Relaxed);
    let limit = shared.timing.limit;
    let fetched = match timeout(limit, (shared.source)()).await {
        Ok(Ok(bytes)) => shared.read(&bytes).map_err(BoxError::from),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("no answer within {limit:?}").into()),
    };
    match fetched {
        Ok(keys) => {
            shared.known.store(Known::fetched(keys));
            let change = shared.flight().succeed();
            log(shared, change, None);
        }
        Err(error) => {
            shared.failures.fetch_add(1, Relaxed);
            let known = shared.known.load();
            let is_usable = known.usable(shared.timing.max_stale).is_some();
            let change = shared.flight().fail(is_usable);
            log(shared, change, Some(&error));
        }
    }
    shared
        .ended
        .send_modify(|ended| *ended = ended.wrapping_add(1));
}

fn log(shared: &Shared, change: Change, error: Option<&BoxError>) {
    let place = &*shared.place;
    let error = error.map(|error| tracing::field::display(Escaped::new(error)));
    match change {
        Change::Nothing => {}
        Change::Fails => tracing::warn!(
            target: "portcullis", place, error,
            "the keys of tokens could not be fetched: those that are known go on"
        ),
        Change::TooOld => tracing::error!(
            target: "portcullis", place, error,
            "the keys of tokens could not be fetched, and none are known: tokens are refused"
        ),
        Change::IsBack => tracing::info!(
            target: "portcullis", place,
            "the keys of tokens are fetched again"
        ),
    }
}

// ===== impl Running =====

impl Drop for Running {
    fn drop(&mut self) {
        let shared = &*self.0;
        let mut flight = shared.flight();
        flight.stop();
        shared.is_running.store(false, Release);
        drop(flight);
        // Whoever waits looks again, and finds what there is.
        shared
            .ended
            .send_modify(|ended| *ended = ended.wrapping_add(1));
    }
}
