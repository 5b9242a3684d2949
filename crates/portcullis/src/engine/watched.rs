use std::{
    fmt,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use portcullis_core::Outcome;

use super::{caught::Caught, passage::Passage};

/// What lasts to the end of a response's body.
pub struct Watched {
    passage: Box<Passage>,
    /// How many bytes are still to come, where that is known.
    left: Option<u64>,
}

// ===== impl Watched =====

impl Watched {
    pub(super) fn new(mut passage: Box<Passage>, headers: &HeaderMap) -> Self {
        let left = declared(headers);
        if left.is_none() && is_event_stream(headers) {
            passage.is_gone = Outcome::Complete;
        }
        Self { passage, left }
    }

    /// Runs a poll of the body: in scope, and with its panics caught.
    #[inline]
    pub(super) fn run<T>(&mut self, poll: impl FnOnce() -> T) -> Result<T, Caught> {
        self.passage.run(|_| poll())
    }

    /// Waits for a body that gives nothing. Ready when it may give nothing any more.
    #[inline]
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(idle) = self.passage.stream_idle() else {
            return Poll::Pending;
        };
        ready!(self.passage.poll_stream(idle, cx));
        let request_id = self.passage.request_id.clone();
        self.passage.log(|| {
            tracing::warn!(
                target: "portcullis",
                request_id = request_id.as_ref().map(tracing::field::display),
                ?idle,
                "a response's body gave nothing, and was ended"
            );
        });
        self.end(Outcome::TimedOut);
        Poll::Ready(())
    }

    /// Begins with a body of which this much is known.
    #[inline]
    pub(super) fn on_body(&mut self, is_end: bool, exact: Option<u64>) {
        self.left = exact.or(self.left);
        if is_end || self.left == Some(0) || self.passage.has_no_body() {
            self.end(Outcome::Complete);
        }
    }

    /// Notes some bytes. A server that knows the length does not ask for more, so the last of them
    /// is the end.
    #[inline]
    pub(super) fn on_bytes(&mut self, bytes: u64, is_end: bool) {
        self.passage.on_bytes(bytes);
        self.passage.stream_moved();
        self.left = self.left.map(|left| left.saturating_sub(bytes));
        if is_end || self.left == Some(0) {
            self.end(Outcome::Complete);
        }
    }

    /// Ends with a head whose body nobody watches: with as many bytes as it declares.
    pub(super) fn end_unwatched(mut self) {
        if !self.passage.has_no_body() {
            self.passage.on_bytes(self.left.unwrap_or(0));
        }
        self.end(Outcome::Complete);
    }

    #[cold]
    pub(super) fn on_panic(&mut self, caught: Caught) {
        self.passage.note_panic(caught);
        self.end(Outcome::Panicked);
    }

    /// The body gives no more: too early, where more was declared.
    pub(super) fn end_of_body(&mut self) {
        self.end(match self.left {
            Some(1..) => Outcome::BodyError,
            _ => Outcome::Complete,
        });
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        drop(self.passage.reply.take_held());
        drop(self.passage.reply.take_scopes());
        self.passage.end(outcome);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

/// Whether a response is a stream of events: it ends when its client closes it (HTML, section 9.2).
fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    media_type
        .and_then(|media_type| media_type.get(..EVENTS.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}

const EVENTS: &[u8] = b"text/event-stream";

/// Returns the length that a head declares.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A response's body gave nothing for too long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyIdle;

// ===== impl BodyIdle =====

impl fmt::Display for BodyIdle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response's body gave nothing for too long")
    }
}

impl std::error::Error for BodyIdle {}
