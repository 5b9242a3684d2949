//! A request's body that is counted as it comes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::BoxError;

use super::{
    BodyCount, BodyTooLarge,
    pace::{BodyTooSlow, Wait},
};

/// A body whose bytes are counted as they come, and which must come fast enough.
pub(super) struct Counted<B> {
    inner: B,
    count: Arc<BodyCount>,
    wait: Wait,
}

// ===== impl Counted =====

impl<B> Counted<B> {
    pub(super) fn new(inner: B, count: Arc<BodyCount>) -> Self {
        Self {
            inner,
            wait: Wait::new(Arc::clone(&count)),
            count,
        }
    }

    /// Returns the body, which nobody counts any more.
    pub(super) fn into_inner(self) -> B {
        self.inner
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.count.passed_limit().is_some()
    }
}

impl<B> Body for Counted<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            return self.wait.poll(cx).map(|()| Some(Err(BodyTooSlow.into())));
        };
        let Some(Ok(frame)) = frame else {
            self.wait.came();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(Some(if self.count.add(bytes) {
            Err(BodyTooLarge.into())
        } else if self.wait.came() {
            Err(BodyTooSlow.into())
        } else {
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
