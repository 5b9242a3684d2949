//! A timer that is set as seldom as possible.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for a time that moves. It is made when it is first waited for, set when something earlier
/// is, and looked at when it fires: what moves to later for each piece of work costs nothing.
#[derive(Debug, Default)]
pub(crate) struct LazyTimer {
    // A box, so that the timer needs no pinning.
    sleep: Option<Pin<Box<Sleep>>>,
}

// ===== impl LazyTimer =====

impl LazyTimer {
    pub(crate) const fn new() -> Self {
        Self { sleep: None }
    }

    /// Waits until a time, which may be another in each call.
    pub(crate) fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        loop {
            if at < sleep.deadline() {
                sleep.as_mut().reset(at);
            }
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            // It was set for what isn't due any more.
            sleep.as_mut().reset(at);
        }
    }
}
