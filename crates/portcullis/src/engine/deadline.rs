use std::{
    task::{Context, Poll},
    time::Duration,
};

use http::request;
use portcullis_core::{Deadline, Facts, RejectionKind};
use tokio::time::Instant;

use super::{
    call_timeout,
    pace::{Pace, Waited},
};
use crate::lazy_timer::LazyTimer;

/// How long things may take, and what a request is refused with when they take longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    /// Of the application, to the head of its response.
    pub(crate) after: Duration,
    pub(crate) kind: RejectionKind,
    /// Of the client, with its body. Counted only where bodies are wrapped.
    pub(crate) upload: Option<Pace>,
    /// Between two pieces of a response's body.
    pub(crate) stream_idle: Option<Duration>,
}

/// The time by which a response must be there.
#[derive(Debug, Default)]
pub(super) struct Timer {
    at: Option<Instant>,
    timer: LazyTimer,
}

// ===== impl TimeLimit =====

impl TimeLimit {
    /// Starts the time, and lets the application know. A client of gRPC or Connect may ask for less.
    #[inline]
    pub(super) fn start(&self, head: &mut request::Parts, now: Instant) -> Timer {
        let after = call_timeout::of(head).map_or(self.after, |asked| asked.min(self.after));
        // A limit beyond what a clock can hold is none.
        let at = now.checked_add(after);
        if let Some(at) = at {
            let facts = Facts::of_mut(&mut head.extensions);
            let is_earlier = |above: &Deadline| at < above.instant();
            if facts.get().is_none_or(is_earlier) {
                facts.set(Deadline::new(at));
            }
        }
        Timer {
            at,
            timer: LazyTimer::new(),
        }
    }
}

// ===== impl Timer =====

impl Timer {
    /// Ready when the time is up; never without one. While the application waits for the client, the
    /// time stands still.
    pub(super) fn poll(&mut self, waited: Option<&Waited>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        loop {
            let at = at + waited.map_or(Duration::ZERO, Waited::time);
            std::task::ready!(self.timer.poll_until(at, cx));
            if !waited.is_some_and(Waited::is_waiting) {
                return Poll::Ready(());
            }
            // Who reads the body may be another task: look again.
            std::task::ready!(self.timer.poll_until(Instant::now() + LOOK_AGAIN, cx));
        }
    }

    pub(super) const fn set(&mut self, at: Option<Instant>) {
        self.at = at;
    }

    pub(super) const fn clear(&mut self) {
        self.at = None;
    }

    pub(super) const fn is_set(&self) -> bool {
        self.at.is_some()
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(100);
