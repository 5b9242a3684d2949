#[cfg(feature = "decompression")]
use std::sync::{Mutex, PoisonError};
use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::{BoxError, Reply};

#[cfg(feature = "decompression")]
use super::decoded_body::{self, Decode};
use super::{BodyCount, counted_body::Counted, drain};

/// A request body that is counted while it is read, unless its length is known, and decoded where a
/// [`BodyLimit`](crate::body_limit::BodyLimit) says so.
pub struct RequestBody<B> {
    state: State<B>,
}

enum State<B> {
    Known(B),
    Counted(Counted<B>),
    /// Behind a lock that nobody takes: it makes a body shareable that need not be.
    #[cfg(feature = "decompression")]
    Decoded(Mutex<Box<dyn Decode>>),
    Spent,
}

/// More of a body was read than is allowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyTooLarge;

// ===== impl RequestBody =====

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    #[inline]
    pub(super) fn new(inner: B, count: Option<Arc<BodyCount>>) -> Self {
        let state = match count {
            None => State::Known(inner),
            #[cfg(feature = "decompression")]
            Some(count) if count.is_decoded() => State::decoded(inner, count),
            Some(count) => State::Counted(Counted::new(inner, count)),
        };
        Self { state }
    }
}

impl<B> RequestBody<B> {
    /// Returns the body itself, if it need not be counted.
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
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = match &mut self.state {
            State::Known(inner) => {
                let frame = ready!(Pin::new(inner).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
            State::Counted(body) => body,
            #[cfg(feature = "decompression")]
            State::Decoded(_) => return self.poll_decoded(cx),
            State::Spent => return Poll::Ready(None),
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        if matches!(frame, Some(Err(_))) && body.is_refused() {
            self.give_up();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Known(inner) => inner.is_end_stream(),
            State::Counted(body) => body.is_end_stream(),
            #[cfg(feature = "decompression")]
            State::Decoded(_) => false,
            State::Spent => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Known(inner) => inner.size_hint(),
            State::Counted(body) => body.size_hint(),
            #[cfg(feature = "decompression")]
            State::Decoded(_) => SizeHint::default(),
            State::Spent => SizeHint::with_exact(0),
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    /// Reads on in the background, so that the client can read the response.
    fn give_up(&mut self) {
        match mem::replace(&mut self.state, State::Spent) {
            State::Counted(body) => drain::spawn(body.into_inner(), &mut Reply::default()),
            #[cfg(feature = "decompression")]
            State::Decoded(body) => body
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .give_up(),
            State::Known(_) | State::Spent => {}
        }
    }

    #[cfg(feature = "decompression")]
    fn poll_decoded(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let State::Decoded(body) = &mut self.state else {
            return Poll::Ready(None);
        };
        let body = body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let frame = ready!(body.poll_frame(cx));
        match &frame {
            Some(Ok(_)) => {}
            // Nothing comes after it: neither the decoder nor the body is asked again.
            Some(Err(_)) => self.give_up(),
            None => self.state = State::Spent,
        }
        Poll::Ready(frame)
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

// ===== impl State =====

#[cfg(feature = "decompression")]
impl<B> State<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    fn decoded(inner: B, count: Arc<BodyCount>) -> Self {
        let coding = count.coding();
        let inner = Counted::new(inner, Arc::clone(&count));
        let body = coding.and_then(|coding| decoded_body::decode(inner, coding, count));
        body.map_or(Self::Spent, |body| Self::Decoded(Mutex::new(body)))
    }
}

// ===== impl BodyTooLarge =====

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body is larger than allowed")
    }
}

impl std::error::Error for BodyTooLarge {}
