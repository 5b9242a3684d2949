use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_core::{BoxError, Outcome};

use super::{BodyIdle, BodyPanicked, Watched};

pin_project! {
    /// The body of an edge's response: the application's, or what was answered in its place.
    ///
    /// A panic in it ends it with an error. What the request held is given back with its last byte.
    #[derive(Debug)]
    pub struct EdgeBody<B> {
        #[pin]
        content: Content<B>,
        watched: Option<Watched>,
        // When it was asked how long it is.
        has_panicked: bool,
        has_ended: bool,
    }
}

pin_project! {
    /// What a response consists of: the application's body, or what was answered in its place.
    #[derive(Debug)]
    pub struct Content<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Answer { bytes: Option<Bytes> },
    }
}

// ===== impl EdgeBody =====

impl<B: Body<Data = Bytes>> EdgeBody<B> {
    #[inline]
    pub(super) fn new(content: Content<B>, mut watched: Option<Watched>) -> Self {
        let mut has_panicked = false;
        if let Some(watched) = &mut watched {
            match watched.run(|| (content.is_end_stream(), content.size_hint().exact())) {
                Ok((is_end, exact)) => watched.on_body(is_end, exact),
                Err(caught) => {
                    watched.on_panic(caught);
                    has_panicked = true;
                }
            }
        }
        Self {
            content,
            watched,
            has_panicked,
            has_ended: false,
        }
    }
}

impl<B> EdgeBody<B> {
    /// Returns the application's body, if nothing watches it.
    ///
    /// A framework has a body of its own and puts every other into a box: this one need not be.
    ///
    /// # Errors
    ///
    /// Returns the body as it was.
    pub fn into_unwatched(self) -> Result<B, Self> {
        match self {
            Self {
                content: Content {
                    kind: Kind::Inner { body },
                },
                watched: None,
                ..
            } => Ok(body),
            other => Err(other),
        }
    }
}

/// What a layer above answers: an edge fits into every layer.
impl<B> From<Bytes> for EdgeBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self {
            content: Content::answer(bytes),
            watched: None,
            has_panicked: false,
            has_ended: false,
        }
    }
}

impl<B> Body for EdgeBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if *this.has_ended {
            return Poll::Ready(None);
        }
        if *this.has_panicked {
            *this.has_ended = true;
            return Poll::Ready(Some(Err(BodyPanicked.into())));
        }
        let Some(watched) = this.watched else {
            return this.content.poll_frame(cx).map(boxed);
        };
        let frame = match watched.run(|| this.content.as_mut().poll_frame(cx)) {
            Ok(Poll::Ready(frame)) => boxed(frame),
            Ok(Poll::Pending) => {
                ready!(watched.poll_idle(cx));
                *this.has_ended = true;
                return Poll::Ready(Some(Err(BodyIdle.into())));
            }
            Err(caught) => {
                *this.has_ended = true;
                watched.on_panic(caught);
                return Poll::Ready(Some(Err(BodyPanicked.into())));
            }
        };
        watched.on_frame(&frame, this.content.is_end_stream());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        !self.has_ended && !self.has_panicked && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_panicked {
            return SizeHint::default();
        }
        self.content.size_hint()
    }
}

fn boxed<E: Into<BoxError>>(
    frame: Option<Result<Frame<Bytes>, E>>,
) -> Option<Result<Frame<Bytes>, BoxError>> {
    frame.map(|frame| frame.map_err(Into::into))
}

// ===== impl Watched =====

impl Watched {
    #[inline]
    fn on_frame(&mut self, frame: &Option<Result<Frame<Bytes>, BoxError>>, is_end: bool) {
        match frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                self.on_bytes(bytes as u64, is_end);
            }
            Some(Err(_)) => self.end(Outcome::BodyError),
            None => self.end_of_body(),
        }
    }
}

// ===== impl Content =====

impl<B> Content<B> {
    #[inline]
    pub(super) const fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    pub(super) fn answer(bytes: Bytes) -> Self {
        let bytes = (!bytes.is_empty()).then_some(bytes);
        Self {
            kind: Kind::Answer { bytes },
        }
    }

    pub(super) const fn is_answer(&self) -> bool {
        matches!(self.kind, Kind::Answer { .. })
    }

    /// Returns the application's body.
    ///
    /// # Errors
    ///
    /// Returns what was answered in its place.
    pub fn into_inner(self) -> Result<B, Bytes> {
        match self.kind {
            Kind::Inner { body } => Ok(body),
            Kind::Answer { bytes } => Err(bytes.unwrap_or_default()),
        }
    }
}

impl<B> Body for Content<B>
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
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Answer { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Answer { bytes } => bytes.is_none(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Answer { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
