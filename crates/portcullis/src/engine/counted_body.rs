//! A request's body that is counted, and checked, as it comes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::BoxError;

use super::{
    BodyCount, BodyRefused, BodyTooLarge,
    checks::Checks,
    pace::{BodyTooSlow, Wait},
};

/// A body whose bytes are counted as they come, and which must come fast enough.
pub(super) struct Counted<B> {
    inner: B,
    count: Arc<BodyCount>,
    wait: Wait,
    /// The last frame, or the end, which waits for what checks the body.
    /// Boxed: it is large, and hardly ever there.
    held: Option<Box<Option<Frame<Bytes>>>>,
}

// ===== impl Counted =====

impl<B> Counted<B> {
    pub(super) fn new(inner: B, count: Arc<BodyCount>) -> Self {
        Self {
            inner,
            wait: Wait::new(Arc::clone(&count)),
            count,
            held: None,
        }
    }

    /// Returns the body, which nobody counts any more.
    pub(super) fn into_inner(self) -> B {
        self.inner
    }

    /// Returns `true` if nothing of it is to be read any more.
    pub(super) fn is_refused(&self) -> bool {
        let refusal = |checks: &Checks| checks.refusal().is_some();
        self.count.passed_limit().is_some() || self.count.checks().is_some_and(refusal)
    }

    /// Returns `true` if nothing of it is still to be checked.
    fn is_checked(&self) -> bool {
        self.count.checks().is_none_or(Checks::is_finished)
    }
}

impl<B> Counted<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Counts what comes.
    #[inline]
    fn poll_counted(
        &mut self,
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

    /// Shows what comes to those who check it, and keeps the last of it until they are done.
    fn poll_checked(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let last = match self.held.take() {
            Some(last) => *last,
            None => match ready!(self.poll_counted(cx)).transpose() {
                Ok(frame) if self.has_more_after(frame.as_ref()) => {
                    return Poll::Ready(frame.map(Ok));
                }
                Ok(last) => last,
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        match self.count.checks().map(|checks| checks.poll_finish(cx)) {
            Some(Poll::Pending) => {
                self.held = Some(Box::new(last));
                Poll::Pending
            }
            Some(Poll::Ready(false)) => Poll::Ready(Some(Err(BodyRefused.into()))),
            Some(Poll::Ready(true)) | None => Poll::Ready(last.map(Ok)),
        }
    }

    /// Shows a frame to those who check it. Returns `true` if it is not known to be the last.
    fn has_more_after(&self, frame: Option<&Frame<Bytes>>) -> bool {
        let Some(data) = frame.and_then(Frame::data_ref) else {
            return false;
        };
        if let Some(checks) = self.count.checks() {
            checks.update(data);
        }
        !self.inner.is_end_stream() && self.inner.size_hint().exact() != Some(0)
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
        if self.count.checks().is_none() {
            self.poll_counted(cx)
        } else {
            self.poll_checked(cx)
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.is_checked() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut size = self.inner.size_hint();
        let held = self.held.as_ref().and_then(|held| held.as_ref().as_ref());
        let held = held.and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        if held > 0 {
            if let Some(most) = size.upper() {
                size.set_upper(most + held);
            }
            size.set_lower(size.lower() + held);
        }
        size
    }
}
