use std::thread;

use http::{Method, Request, Response, StatusCode};
use tokio::time::Instant;
use tracing::Span;

use super::{Exchange, Outcome, Watch};
use crate::Rejection;

/// What is known of one exchange so far. Ends exactly once, when told to or when dropped.
#[derive(Debug)]
pub(super) struct Record<W: Watch> {
    watch: Option<W>,
    is_head_request: bool,
    started: Instant,
    head_at: Option<Instant>,
    status: Option<StatusCode>,
    rejection: Option<Rejection>,
    response_bytes: u64,
    /// The span that the exchange began in, if somebody listens to it.
    span: Option<Box<Span>>,
}

impl<W: Watch> Record<W> {
    pub(super) fn new<B>(watch: W, started: Instant, request: &Request<B>) -> Self {
        Self {
            watch: Some(watch),
            is_head_request: request.method() == Method::HEAD,
            started,
            head_at: None,
            status: None,
            rejection: None,
            response_bytes: 0,
            span: Some(Span::current())
                .filter(|span| !span.is_disabled())
                .map(Box::new),
        }
    }

    /// Runs a poll in the watch's scope.
    pub(super) fn scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        match &mut self.watch {
            Some(watch) => watch.scope(poll),
            None => poll(),
        }
    }

    /// Runs a poll of the body in the watch's scope, and in the span the exchange began in.
    pub(super) fn body_scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        match self.span.take() {
            None => self.scope(poll),
            Some(span) => {
                let polled = span.in_scope(|| self.scope(poll));
                self.span = Some(span);
                polled
            }
        }
    }

    pub(super) fn on_head<B>(&mut self, response: &Response<B>) {
        self.head_at = Some(Instant::now());
        self.status = Some(response.status());
        self.rejection = response.extensions().get().cloned();
    }

    pub(super) const fn on_bytes(&mut self, bytes: u64) {
        self.response_bytes += bytes;
    }

    /// Whether a server may leave the body alone, so that its end is not seen.
    pub(super) fn has_no_body(&self) -> bool {
        let bodyless = [
            StatusCode::SWITCHING_PROTOCOLS,
            StatusCode::NO_CONTENT,
            StatusCode::NOT_MODIFIED,
        ];
        self.is_head_request || self.status.is_some_and(|status| bodyless.contains(&status))
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        let Some(watch) = self.watch.take() else {
            return;
        };
        watch.end(&Exchange {
            status: self.status,
            rejection: self.rejection.as_ref(),
            time_to_head: self.head_at.map(|at| at - self.started),
            duration: self.started.elapsed(),
            response_bytes: self.response_bytes,
            outcome,
        });
    }
}

impl<W: Watch> Drop for Record<W> {
    fn drop(&mut self) {
        self.end(match thread::panicking() {
            true => Outcome::Panicked,
            false => Outcome::Aborted,
        });
    }
}
