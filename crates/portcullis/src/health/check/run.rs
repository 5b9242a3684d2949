//! One run of a check, which may fail, panic, block or never end.

use std::{
    any::Any,
    fmt::{Display, Write},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use portcullis_core::{BoxError, observe::Escaped};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::{JoinError, JoinHandle, block_in_place, spawn_blocking},
    time::timeout,
};

use super::State;
use crate::health::Degraded;

// Checks are rare: a box each keeps the registry, and so the stack, free of type parameters.
type Run = Pin<Box<dyn Future<Output = Result<(), Unwell>> + Send>>;

/// Starts runs of a check.
pub(super) struct Runs {
    make: Box<dyn Fn(Call) -> Run + Send + Sync>,
    /// Whether a call has begun, and neither it nor its future has ended.
    is_calling: Arc<AtomicBool>,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) state: State,
    /// Why, if it is not well: in one line.
    pub(super) reason: Option<String>,
}

/// An error of a check, as text: its type may do anything when it is displayed or dropped.
struct Unwell {
    is_degraded: bool,
    reason: String,
}

// ===== impl Runs =====

impl Runs {
    pub(super) fn new<F, Fut, E>(check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let check = Arc::new(check);
        let make = move |call| -> Run {
            let (check, call) = (Arc::clone(&check), Arc::new(call));
            // Where it may block.
            let called = Arc::clone(&call);
            let called = || spawn_blocking(move || (check(), drop(called)).0);
            Box::pin(async move {
                // Until a poll that blocks returns, too.
                let _call = call;
                let future = called().await.map_err(Unwell::panicked)?;
                let result = MayBlock(Box::pin(future)).await;
                result.map_err(|error| Unwell::new(&error.into()))
            })
        };
        Self {
            make: Box::new(make),
            is_calling: Arc::default(),
        }
    }

    /// Runs the check, for so long at most. One that still runs is not run again: each that blocks
    /// would take one more thread.
    pub(super) async fn once(&self, limit: Duration) -> Finding {
        if self.is_calling.load(Ordering::Acquire) {
            return Finding::timed_out("an earlier run has not ended".to_owned());
        }
        // In a task of its own, so that a check that panics is a check that fails.
        let run = (self.make)(Call::begin(&self.is_calling));
        match timeout(limit, AbortOnDrop(tokio::spawn(run))).await {
            Ok(Ok(Ok(()))) => Finding::ok(),
            Ok(Ok(Err(unwell))) => unwell.into(),
            Ok(Err(panicked)) => Unwell::panicked(panicked).into(),
            Err(_) => Finding::timed_out(format!("no result within {limit:?}")),
        }
    }
}

// ===== impl Finding =====

impl Finding {
    const fn ok() -> Self {
        Self {
            state: State::Ok,
            reason: None,
        }
    }

    const fn timed_out(reason: String) -> Self {
        Self {
            state: State::TimedOut,
            reason: Some(reason),
        }
    }
}

impl From<Unwell> for Finding {
    fn from(unwell: Unwell) -> Self {
        let state = if unwell.is_degraded {
            State::Degraded
        } else {
            State::Failing
        };
        Self {
            state,
            reason: Some(unwell.reason),
        }
    }
}

// ===== impl Unwell =====

impl Unwell {
    fn new(error: &BoxError) -> Self {
        Self {
            is_degraded: error.is::<Degraded>(),
            reason: escaped(error),
        }
    }

    fn panicked(error: JoinError) -> Self {
        let payload = error.try_into_panic().ok();
        let text = payload.as_deref().and_then(text_of).unwrap_or("no text");
        Self {
            is_degraded: false,
            reason: escaped(&format_args!("panicked: {text}")),
        }
    }
}

fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// A call of a check, until it returns or panics.
struct Call(Arc<AtomicBool>);

// ===== impl Call =====

impl Call {
    fn begin(calling: &Arc<AtomicBool>) -> Self {
        calling.store(true, Ordering::Release);
        Self(Arc::clone(calling))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A future that may block: its worker gives its tasks to another thread before each poll. Else timers
/// and sockets could wait behind it, as one worker watches them for all.
struct MayBlock<F>(Pin<Box<F>>);

// ===== impl MayBlock =====

impl<F: Future> Future for MayBlock<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut poll = || self.0.as_mut().poll(cx);
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => block_in_place(poll),
            // There is no other worker.
            _ => poll(),
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

// ===== impl AbortOnDrop =====

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns what a value displays, in one line with an end: it is another's.
fn escaped(value: &dyn Display) -> String {
    let mut line = String::new();
    // An error of the value's own cuts it.
    if write!(line, "{}", Escaped::new(value)).is_err() {
        line.push_str("..");
    }
    line
}
