//! One timer for all limits of a connection.

use std::task::{Context, Poll, ready};

use super::{activity::Activity, due::Why, limits::Limits};
use crate::lazy_timer::LazyTimer;

/// The timer of a connection.
pub(super) struct Watchdog(LazyTimer);

// ===== impl Watchdog =====

impl Watchdog {
    pub(super) const fn new() -> Self {
        Self(LazyTimer::new())
    }

    /// Waits for what closes the connection.
    pub(super) fn poll(
        &mut self,
        activity: &Activity,
        limits: &Limits,
        cx: &mut Context<'_>,
    ) -> Poll<Why> {
        activity.note_handed_over();
        activity.note_head();
        loop {
            let Some((at, why)) = activity.due(limits) else {
                return Poll::Pending;
            };
            ready!(self.0.poll_until(activity.at(at), cx));
            if why != Why::Write || !activity.reads_enough(limits) {
                return Poll::Ready(why);
            }
        }
    }
}
