//! One timer for all limits of a connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    activity::{Activity, Why},
    limits::Limits,
};

/// The timer of a connection. It is set when something earlier is due, and not for each request.
pub(super) struct Watchdog {
    // A box, so that the timer needs no pinning; once for a connection.
    timer: Option<Pin<Box<Sleep>>>,
}

// ===== impl Watchdog =====

impl Watchdog {
    pub(super) const fn new() -> Self {
        Self { timer: None }
    }

    /// Waits for what closes the connection.
    pub(super) fn poll(
        &mut self,
        activity: &Activity,
        limits: &Limits,
        cx: &mut Context<'_>,
    ) -> Poll<Why> {
        loop {
            let Some((at, why)) = activity.due(limits) else {
                return Poll::Pending;
            };
            if at <= Instant::now() {
                if why == Why::Write && activity.reads_enough(limits) {
                    continue;
                }
                return Poll::Ready(why);
            }
            if self.timer(at).as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // It was set for what isn't due any more.
            self.timer = None;
        }
    }

    fn timer(&mut self, at: Instant) -> &mut Pin<Box<Sleep>> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < timer.deadline() {
            timer.as_mut().reset(at);
        }
        timer
    }
}
