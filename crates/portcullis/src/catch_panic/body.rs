use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_core::{BoxError, RequestId};

use super::caught::{BodyPanicked, catch};

pin_project! {
    /// A response body whose panics end it with an error.
    pub struct GuardedBody<B> {
        #[pin]
        inner: B,
        is_on: bool,
        has_panicked: bool,
        request_id: Option<RequestId>,
    }
}

impl<B> GuardedBody<B> {
    #[inline]
    pub(super) const fn new(inner: B, request_id: Option<RequestId>) -> Self {
        Self {
            inner,
            is_on: true,
            has_panicked: false,
            request_id,
        }
    }

    #[inline]
    pub(super) const fn off(inner: B) -> Self {
        Self {
            inner,
            is_on: false,
            has_panicked: false,
            request_id: None,
        }
    }
}

impl<B> From<Bytes> for GuardedBody<B>
where
    B: From<Bytes>,
{
    fn from(bytes: Bytes) -> Self {
        Self::off(bytes.into())
    }
}

impl<B> Body for GuardedBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        let into =
            |frame: Option<Result<_, B::Error>>| frame.map(|frame| frame.map_err(Into::into));
        if *this.has_panicked {
            return Poll::Ready(None);
        }
        if !*this.is_on {
            return this.inner.poll_frame(cx).map(into);
        }
        match catch(|| this.inner.poll_frame(cx)) {
            Ok(frame) => frame.map(into),
            Err(caught) => {
                *this.has_panicked = true;
                caught.log(this.request_id.as_ref());
                Poll::Ready(Some(Err(BodyPanicked.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.has_panicked && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBody").finish_non_exhaustive()
    }
}
