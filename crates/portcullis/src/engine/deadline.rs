use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use portcullis_core::{Deadline, Facts, RejectionKind};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long an application may take to respond, and what it is refused with when it is late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    pub(crate) after: Duration,
    pub(crate) kind: RejectionKind,
}

/// The time by which a response must be there.
#[derive(Default)]
pub(super) struct Timer {
    at: Option<Instant>,
    // Armed only when the first poll was not enough; boxed, as the future is moved before.
    sleep: Option<Pin<Box<Sleep>>>,
}

// ===== impl TimeLimit =====

impl TimeLimit {
    /// Starts the time, and lets the application know.
    #[inline]
    pub(super) fn start(&self, facts: &mut Facts, now: Instant) -> Timer {
        // A limit beyond what a clock can hold is none.
        let at = now.checked_add(self.after);
        if let Some(at) = at {
            let earlier = facts.get().map_or(at, |Deadline(above)| at.min(*above));
            facts.set(Deadline(earlier));
        }
        Timer { at, sleep: None }
    }
}

// ===== impl Timer =====

impl Timer {
    /// Ready when the time is up; never without one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(at) = self.at.take() {
            self.sleep = Some(Box::pin(sleep_until(at)));
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
