use std::{
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use portcullis_core::BoxError;
use tokio::{
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

use super::Degraded;

/// What is known of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No result yet.
    Pending,
    /// The last check succeeded.
    Ok,
    /// The last check failed.
    Failing,
    /// The last check said that it could be better: a [`Degraded`].
    Degraded,
    /// The last check took too long.
    TimedOut,
}

// Checks are rare: a box each keeps the registry, and so the stack, free of type parameters.
type Run = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// One check, with its last result.
pub(super) struct Check {
    pub(super) name: Box<str>,
    pub(super) every: Duration,
    pub(super) limit: Duration,
    pub(super) run: Box<dyn Fn() -> Run + Send + Sync>,
    state: AtomicU8,
    /// Whether a call has begun, and neither it nor its future has ended.
    /// Whether a task runs it.
    is_running: AtomicBool,
    is_calling: Arc<AtomicBool>,
}

// ===== impl State =====

impl State {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Ok,
        Self::Failing,
        Self::Degraded,
        Self::TimedOut,
    ];

    /// The name in probes: `pending`, `ok`, `degraded`, `failing` or `timed out`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Degraded => "degraded",
            Self::TimedOut => "timed out",
        }
    }
}

// ===== impl Check =====

impl Check {
    pub(super) fn new<F, Fut, E>(name: &str, every: Duration, limit: Duration, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let check = Arc::new(check);
        let calling = Arc::new(AtomicBool::new(false));
        let is_calling = Arc::clone(&calling);
        let run = move || -> Run {
            let (check, call) = (Arc::clone(&check), Arc::new(Call::begin(&calling)));
            // Where it may block. Called inside the future: it may panic too.
            let called = Arc::clone(&call);
            let called = || spawn_blocking(move || (check(), drop(called)).0);
            Box::pin(async move {
                // Until a poll that blocks returns, too.
                let _call = call;
                called().await?.await.map_err(Into::into)
            })
        };
        Self {
            name: name.into(),
            every,
            limit,
            run: Box::new(run),
            state: AtomicU8::new(State::Pending as u8),
            is_running: AtomicBool::new(false),
            is_calling,
        }
    }

    pub(super) fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Acquire))]
    }

    #[cfg(test)]
    pub(super) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
    }

    async fn once(&self) -> (State, Option<BoxError>) {
        // In a task of its own, so that a check that panics is a check that fails.
        let running = AbortOnDrop(tokio::spawn((self.run)()));
        match timeout(self.limit, running).await {
            Ok(Ok(Ok(()))) => (State::Ok, None),
            Ok(Ok(Err(error))) if error.is::<Degraded>() => (State::Degraded, Some(error)),
            Ok(Ok(Err(error))) => (State::Failing, Some(error)),
            Ok(Err(panicked)) => (State::Failing, Some(panicked.into())),
            Err(_) => (State::TimedOut, None),
        }
    }

    fn turn(&self, next: State, reason: Option<&(dyn std::error::Error + Send + Sync)>) {
        let before = State::ALL[usize::from(self.state.swap(next as u8, Ordering::AcqRel))];
        let check = &*self.name;
        let reason = reason.map(tracing::field::display);
        match (before, next) {
            (before, next) if before == next => {}
            (_, State::Ok) => tracing::info!(target: "portcullis", check, "check is ok"),
            _ => tracing::warn!(target: "portcullis", check, reason, "check is {}", next.as_str()),
        }
    }
}

/// A check in the background. Its runtime may end before it does.
struct Running(Weak<Check>);

// ===== impl Running =====

impl Running {
    /// Checks until the registry is gone.
    async fn keep_checking(self) {
        while let Some(check) = self.0.upgrade() {
            // Another would block one more thread.
            if !check.is_calling.load(Ordering::Acquire) {
                let (next, reason) = check.once().await;
                check.turn(next, reason.as_deref());
            }
            let every = check.every;
            drop(check);
            sleep(every).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(check) = self.0.upgrade() {
            check.is_running.store(false, Ordering::Release);
        }
    }
}

/// A call of a check, until it returns or panics.
struct Call(Arc<AtomicBool>);

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

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

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

/// Starts a check in the background, unless it runs.
#[inline]
pub(super) fn start(check: &Arc<Check>) {
    if !check.is_running.load(Ordering::Relaxed) && !check.is_running.swap(true, Ordering::AcqRel) {
        let running = Running(Arc::downgrade(check));
        tokio::spawn(running.keep_checking());
    }
}
