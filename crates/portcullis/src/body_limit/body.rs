use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::BoxError;

use super::drain;

/// A request body that is counted while it is read, unless its length is known to be allowed.
pub struct RequestBody<B> {
    state: State<B>,
}

enum State<B> {
    Known(B),
    Counted(Counted<B>),
    Spent,
}

struct Counted<B> {
    inner: B,
    left: u64,
    tripped: Arc<AtomicBool>,
}

/// More of a body was read than is allowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyTooLarge;

// ===== impl RequestBody =====

impl<B> RequestBody<B> {
    /// A body that is passed on as it is.
    pub(super) const fn known(inner: B) -> Self {
        Self {
            state: State::Known(inner),
        }
    }

    /// A body that fails after `limit` bytes, and says so in `tripped`.
    pub(super) const fn counted(inner: B, limit: u64, tripped: Arc<AtomicBool>) -> Self {
        Self {
            state: State::Counted(Counted {
                inner,
                left: limit,
                tripped,
            }),
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Error: Into<BoxError>> + Send + Unpin + 'static,
    B::Data: Send,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let counted = match &mut self.state {
            State::Known(inner) => {
                let frame = ready!(Pin::new(inner).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
            State::Counted(counted) => counted,
            State::Spent => return Poll::Ready(None),
        };
        let frame = ready!(Pin::new(&mut counted.inner).poll_frame(cx));
        let read = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Buf::remaining) as u64,
            _ => 0,
        };
        match counted.left.checked_sub(read) {
            Some(left) => {
                counted.left = left;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            None => {
                self.trip();
                Poll::Ready(Some(Err(BodyTooLarge.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Known(inner) => inner.is_end_stream(),
            State::Counted(counted) => counted.inner.is_end_stream(),
            State::Spent => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Known(inner) => inner.size_hint(),
            State::Counted(counted) => counted.inner.size_hint(),
            State::Spent => SizeHint::with_exact(0),
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
{
    /// Says that the limit is passed, and keeps reading so that the client can read the answer.
    fn trip(&mut self) {
        if let State::Counted(counted) = std::mem::replace(&mut self.state, State::Spent) {
            counted.tripped.store(true, Ordering::Release);
            drain::spawn(counted.inner);
        }
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

// ===== impl BodyTooLarge =====

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body is larger than allowed")
    }
}

impl std::error::Error for BodyTooLarge {}
