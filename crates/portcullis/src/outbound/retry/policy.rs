use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::Policy;

use super::{Judge, Replay, Retryable, config::Shared};
use crate::outbound::{deadline::deadline_of, retry_after::retry_after};

/// What a [`RetryLayer`](super::RetryLayer) tells tower's retries.
#[derive(Clone, Debug)]
pub struct RetryPolicy<R, J> {
    shared: Arc<Shared>,
    replay: R,
    judge: J,
    /// That were made of this call.
    made: u32,
}

/// An extension of a request: doing it twice is the same as doing it once, whatever its method is.
///
/// For a POST that the upstream recognises, by an `Idempotency-Key` say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a mark")]
pub struct Idempotent;

pin_project! {
    /// The wait before a retry.
    #[derive(Debug)]
    pub struct Wait {
        #[pin]
        sleep: Sleep,
    }
}

// ===== impl RetryPolicy =====

impl<R, J> RetryPolicy<R, J> {
    pub(super) fn new(shared: Arc<Shared>, replay: R, judge: J) -> Self {
        Self {
            shared,
            replay,
            judge,
            made: 0,
        }
    }

    /// Returns whether a result may be retried, and how long the upstream asks to wait.
    fn judge<B, E>(&self, result: &Result<Response<B>, E>) -> (Retryable, Duration)
    where
        J: Judge<E>,
    {
        match result {
            Ok(response) if (self.shared.is_retried)(response.status()) => {
                let wait = retry_after(response.headers(), SystemTime::now());
                (Retryable::IfIdempotent, wait.unwrap_or_default())
            }
            Ok(_) => (Retryable::No, Duration::ZERO),
            Err(error) => (self.judge.judge(error), Duration::ZERO),
        }
    }

    /// Returns when to try again, unless that is too late. A random time is added to what the
    /// upstream asks for, so that clients it sent away together do not return together.
    fn again_at(&self, asked: Duration, deadline: Option<Instant>) -> Option<Instant> {
        if asked > self.shared.retry_after_cap {
            return None;
        }
        let wait = self.shared.backoff.wait(self.made, rand::random());
        let at = Instant::now().checked_add(asked.saturating_add(wait))?;
        let is_in_time = deadline.is_none_or(|deadline| at < deadline);
        is_in_time.then_some(at)
    }
}

impl<R, J, B, ResBody, E> Policy<Request<B>, Response<ResBody>, E> for RetryPolicy<R, J>
where
    R: Replay<B>,
    J: Judge<E>,
{
    type Future = Wait;

    fn retry(
        &mut self,
        request: &mut Request<B>,
        result: &mut Result<Response<ResBody>, E>,
    ) -> Option<Wait> {
        let (retryable, asked) = self.judge(result);
        let may = match retryable {
            Retryable::No => false,
            Retryable::IfIdempotent => is_idempotent(request),
            Retryable::Unsent => true,
        };
        if !may {
            return None;
        }
        let at = self.again_at(asked, deadline_of(request.extensions()))?;
        // Last, so that nothing is paid for a retry that is not made.
        if !self.shared.withdraw() {
            return None;
        }
        self.made += 1;
        tracing::debug!(target: "portcullis", retry = self.made, "outbound call is retried");
        let sleep = sleep_until(at);
        Some(Wait { sleep })
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        if self.made == 0 {
            self.shared.deposit();
        }
        let may = J::KNOWS_UNSENT || is_idempotent(request);
        if !may || self.made >= self.shared.retries {
            return None;
        }
        let mut copy = Request::new(self.replay.replay(request.body())?);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }
}

// ===== impl Wait =====

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent<B>(request: &Request<B>) -> bool {
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::PUT,
        Method::DELETE,
    ];
    methods.contains(request.method()) || request.extensions().get::<Idempotent>().is_some()
}
