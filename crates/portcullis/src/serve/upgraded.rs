//! Connections that are no HTTP any more.

use std::{
    sync::{
        PoisonError,
        atomic::Ordering::{Acquire, Release},
    },
    task::Context,
};

use portcullis_core::observe::Upgraded;

use super::{activity::Activity, shutdown::Stage};

/// Whose task waits for something on an upgraded connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Reader,
    Writer,
}

// ===== impl Activity =====

impl Activity {
    /// It is no HTTP any more. Observers hear of its end.
    pub(super) fn upgrade(&self, watched: Option<Upgraded>) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
        self.is_upgraded.store(true, Release);
    }

    /// Its bytes are gone.
    pub(super) fn end_upgrade(&self) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = watched.take();
        // Not under the lock.
        drop(watched);
        drop(ended);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Acquire)
    }

    /// Whether an upgraded connection is cut.
    pub(super) fn is_cut(&self, side: Side, cx: &Context<'_>) -> bool {
        match side {
            Side::Reader => self.reader.register(cx.waker()),
            Side::Writer => self.writer.register(cx.waker()),
        }
        self.is_cut_now()
    }

    pub(super) fn is_cut_now(&self) -> bool {
        self.stage() == Stage::Cut
    }
}
