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

/// Makes the body that an inner service takes of a [`RequestBody`].
///
/// A framework has a body of its own and puts every other into a box. Where nothing is counted
/// there is no need to.
pub trait UnwrapBody<B> {
    /// What the inner service takes.
    type Body;

    /// Makes the body.
    fn unwrap(&self, body: RequestBody<B>) -> Self::Body;
}

/// Leaves a [`RequestBody`] as it is.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit type that users name")]
pub struct KeepWrapped;

/// More of a body was read than is allowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyTooLarge;

// ===== impl RequestBody =====

impl<B> RequestBody<B> {
    /// The body itself, if it need not be counted.
    ///
    /// # Errors
    ///
    /// Returns the body as it was if it must be.
    pub fn into_known(self) -> Result<B, Self> {
        match self.state {
            State::Known(inner) => Ok(inner),
            state => Err(Self { state }),
        }
    }

    /// A body that is passed on as it is.
    #[inline]
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

    #[inline]
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

// ===== impl UnwrapBody =====

impl<B> UnwrapBody<B> for KeepWrapped {
    type Body = RequestBody<B>;

    #[inline]
    fn unwrap(&self, body: RequestBody<B>) -> RequestBody<B> {
        body
    }
}

// ===== impl BodyTooLarge =====

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body is larger than allowed")
    }
}

impl std::error::Error for BodyTooLarge {}
