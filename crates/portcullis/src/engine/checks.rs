//! What guards check of a request's body while it is read.

use std::{
    fmt, mem,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use portcullis_core::{BodyCheck, Rejection, RejectionKind};

/// The checks of one body.
pub(super) struct Checks {
    /// Those that have not finished, the next one last.
    left: Mutex<Vec<Box<dyn BodyCheck>>>,
    outcome: OnceLock<Result<(), Rejection>>,
}

/// A check refused the body of a request, after all of it was read: it is not the one that was signed,
/// or that its digest is of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyRefused;

// ===== impl Checks =====

impl Checks {
    pub(super) fn new(mut checks: Vec<Box<dyn BodyCheck>>) -> Self {
        checks.reverse();
        Self {
            left: Mutex::new(checks),
            outcome: OnceLock::new(),
        }
    }

    pub(super) fn update(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.left().iter_mut().for_each(|check| check.update(bytes));
        }
    }

    /// Judges the body. Ready with `true` if it may pass.
    pub(super) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome.is_ok());
        }
        let outcome = ready!(self.poll_left(cx));
        let is_right = outcome.is_ok();
        let _ = self.outcome.set(outcome);
        Poll::Ready(is_right)
    }

    /// Judges a body that has no byte, before anybody reads it.
    pub(super) fn finish_empty(&self) -> Result<(), Rejection> {
        let _ = self.poll_finish(&mut Context::from_waker(Waker::noop()));
        self.refusal().map_or(Ok(()), Err)
    }

    fn poll_left(&self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let mut left = self.left();
        while let Some(check) = left.last_mut() {
            let finished = ready!(check.poll_finish(cx));
            left.pop();
            if finished.is_err() {
                left.clear();
                return Poll::Ready(finished);
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Returns why the body was refused, if it was.
    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.outcome.get()?.clone().err()
    }

    /// Returns why the application may not answer yet, if it may not.
    pub(super) fn unfinished(&self) -> Option<Rejection> {
        if self.is_finished() {
            return None;
        }
        let left = self.left();
        left.iter().rev().find_map(|check| check.unfinished())
    }

    /// A check that panicked is not known to have passed.
    fn left(&self) -> MutexGuard<'_, Vec<Box<dyn BodyCheck>>> {
        self.left.lock().unwrap_or_else(|poisoned| {
            let mut left = PoisonError::into_inner(poisoned);
            if !mem::take(&mut *left).is_empty() {
                let _ = self.outcome.set(Err(RejectionKind::Panicked.into()));
            }
            left
        })
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

// ===== impl BodyRefused =====

impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body was refused")
    }
}

impl std::error::Error for BodyRefused {}
