use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    CallError, DeadlineHeader,
    deadline::{deadline_of, set_deadline},
};

/// Limits the time of each try, until its response head is there.
///
/// It belongs below retries, so that each try has a limit of its own. The response's body is not
/// covered.
#[derive(Clone, Debug)]
pub struct TryTimeoutLayer {
    limit: Option<Duration>,
    header: Option<DeadlineHeader>,
}

/// Limits the time of the whole call, retries and their waits included, or until the
/// [`Deadline`](crate::Deadline) that the request carries, whichever is earlier.
///
/// It belongs above retries. The response's body is not covered.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limit: Option<Duration>,
}

/// Service of [`TryTimeoutLayer`].
#[derive(Clone, Debug)]
pub struct TryTimeout<S> {
    inner: S,
    layer: TryTimeoutLayer,
}

/// Service of [`DeadlineLayer`].
#[derive(Clone, Copy, Debug)]
pub struct WithDeadline<S> {
    inner: S,
    limit: Option<Duration>,
}

pin_project! {
    /// Response future of [`TryTimeout`] and [`WithDeadline`].
    #[derive(Debug)]
    pub struct TimedFuture<F> {
        // None when there was no time left to call.
        #[pin]
        inner: Option<F>,
        at: Option<Instant>,
        // Armed only when the first poll was not enough.
        #[pin]
        sleep: Option<Sleep>,
        what: What,
    }
}

/// Whose time limit it is.
#[derive(Clone, Copy, Debug)]
enum What {
    Try,
    Call,
}

// ===== impl TryTimeoutLayer =====

impl TryTimeoutLayer {
    /// Creates a layer that gives each try so long, or any time.
    pub fn new(limit: impl Into<Option<Duration>>) -> Self {
        let limit = limit.into();
        Self {
            limit,
            header: None,
        }
    }

    /// Sets the field that tells the upstream how much time there is: what is left of the deadline, or the
    /// limit of the try where that is less. No field unless told.
    #[must_use]
    pub fn header(mut self, header: impl Into<Option<DeadlineHeader>>) -> Self {
        self.header = header.into();
        self
    }
}

impl<S> Layer<S> for TryTimeoutLayer {
    type Service = TryTimeout<S>;

    fn layer(&self, inner: S) -> TryTimeout<S> {
        TryTimeout {
            inner,
            layer: self.clone(),
        }
    }
}

// ===== impl DeadlineLayer =====

impl DeadlineLayer {
    /// Creates a layer that gives each call so long. `None`: until the deadline of the request.
    pub fn new(limit: impl Into<Option<Duration>>) -> Self {
        Self {
            limit: limit.into(),
        }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = WithDeadline<S>;

    fn layer(&self, inner: S) -> WithDeadline<S> {
        let limit = self.limit;
        WithDeadline { inner, limit }
    }
}

// ===== impl TryTimeout =====

impl<S, B> Service<Request<B>> for TryTimeout<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = TimedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let at = self.layer.limit.and_then(at);
        if let Some(header) = &self.layer.header {
            let ends = deadline_of(request.extensions()).into_iter().chain(at);
            if let Some(end) = ends.min() {
                let left = end.saturating_duration_since(Instant::now());
                header.write(request.headers_mut(), left);
            }
        }
        TimedFuture::new(self.inner.call(request), at, What::Try)
    }
}

// ===== impl WithDeadline =====

impl<S, B> Service<Request<B>> for WithDeadline<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = TimedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let carried = deadline_of(request.extensions());
        let at = carried.into_iter().chain(self.limit.and_then(at)).min();
        let Some(end) = at else {
            return TimedFuture::new(self.inner.call(request), None, What::Call);
        };
        // A request that comes too late is not sent.
        if carried.is_some_and(|carried| carried <= Instant::now()) {
            return TimedFuture::late(What::Call);
        }
        set_deadline(request.extensions_mut(), end);
        TimedFuture::new(self.inner.call(request), at, What::Call)
    }
}

// ===== impl TimedFuture =====

impl<F> TimedFuture<F> {
    fn new(inner: F, at: Option<Instant>, what: What) -> Self {
        Self {
            inner: Some(inner),
            at,
            sleep: None,
            what,
        }
    }

    fn late(what: What) -> Self {
        Self {
            inner: None,
            at: None,
            sleep: None,
            what,
        }
    }
}

impl<F, T, E> Future for TimedFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let late = match this.what {
            What::Try => CallError::TryTimedOut,
            What::Call => CallError::DeadlineExceeded,
        };
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(Err(late));
        };
        if let Poll::Ready(result) = inner.poll(cx) {
            return Poll::Ready(result.map_err(CallError::Inner));
        }
        if let Some(at) = this.at.take() {
            this.sleep.set(Some(sleep_until(at)));
        }
        let sleep = this.sleep.as_pin_mut().map(|sleep| sleep.poll(cx));
        match sleep {
            Some(Poll::Ready(())) => Poll::Ready(Err(late)),
            _ => Poll::Pending,
        }
    }
}

/// A limit beyond what a clock can hold is none.
fn at(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}
