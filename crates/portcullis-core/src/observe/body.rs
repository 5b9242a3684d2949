use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Outcome, Watch, record::Record};

pin_project! {
    /// A response body whose end is seen.
    pub struct ObservedBody<B, W: Watch> {
        #[pin]
        inner: B,
        record: Record<W>,
    }
}

impl<B, W> ObservedBody<B, W>
where
    B: Body,
    W: Watch,
{
    #[inline]
    pub(super) fn new(inner: B, mut record: Record<W>) -> Self {
        if inner.is_end_stream() || record.has_no_body() {
            record.end(Outcome::Complete);
        }
        Self { inner, record }
    }
}

impl<B, W> Body for ObservedBody<B, W>
where
    B: Body,
    W: Watch,
{
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let inner = this.inner.as_mut();
        let frame = ready!(this.record.body_scope(|| inner.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                this.record.on_bytes(bytes as u64);
                // A server that knows the length does not ask for the end.
                if this.inner.is_end_stream() {
                    this.record.end(Outcome::Complete);
                }
            }
            Some(Err(_)) => this.record.end(Outcome::Failed),
            None => this.record.end(Outcome::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B, W: Watch> fmt::Debug for ObservedBody<B, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedBody").finish_non_exhaustive()
    }
}
