use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::Held;

pin_project! {
    /// The inner service's body, or bytes that a layer answered with.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        state: State<B>,
        held: Vec<Held>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<B> {
        Inner { #[pin] body: B },
        Answer { bytes: Option<Bytes> },
    }
}

// ===== impl ResponseBody =====

impl<B> ResponseBody<B> {
    /// Passes the body of an inner service on.
    pub const fn new(body: B) -> Self {
        Self::holding(body, Vec::new())
    }

    /// Passes a body on, and keeps something to its end.
    #[inline]
    pub(super) const fn holding(body: B, held: Vec<Held>) -> Self {
        Self {
            state: State::Inner { body },
            held,
        }
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        Self {
            state: State::Answer { bytes },
            held: Vec::new(),
        }
    }
}

impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = match this.state.project() {
            StateProj::Inner { body } => ready!(body.poll_frame(cx)),
            StateProj::Answer { bytes } => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
        };
        if !matches!(frame, Some(Ok(_))) {
            this.held.clear();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Inner { body } => body.is_end_stream(),
            State::Answer { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Inner { body } => body.size_hint(),
            State::Answer { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
        }
    }
}
