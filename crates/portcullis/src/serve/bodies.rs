//! Responses on their way out.

use std::{
    cell::Cell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::activity::{Activity, InFlight};

pin_project! {
    /// A body whose end is the end of its request.
    pub(super) struct Answer<B> {
        #[pin]
        body: B,
        _in_flight: InFlight,
    }
}

pin_project! {
    /// A body in pieces that HTTP/2 sends as they are, so that what a client doesn't read isn't taken
    /// from the application.
    pub(super) struct Pieces<B: Body> {
        #[pin]
        body: B,
        left: Option<B::Data>,
        activity: Arc<Activity>,
    }
}

thread_local! {
    /// Frames that bodies gave in this poll of a stream.
    static GIVEN: Cell<Given> = const { Cell::new(Given::NotPolled) };
}

/// What a stream's body did in a poll of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It was not asked.
    NotPolled,
    /// It has nothing yet.
    Nothing,
    /// It gave a frame, and was not asked for another.
    Frame,
}

// ===== impl Answer =====

impl<B> Answer<B> {
    pub(super) const fn new(body: B, in_flight: InFlight) -> Self {
        Self {
            body,
            _in_flight: in_flight,
        }
    }
}

impl<B: Body> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// ===== impl Pieces =====

impl<B: Body> Pieces<B> {
    pub(super) const fn new(body: B, activity: Arc<Activity>) -> Self {
        Self {
            body,
            left: None,
            activity,
        }
    }

    fn piece(left: &mut Option<B::Data>, mut data: B::Data) -> Frame<Bytes> {
        let piece = data.copy_to_bytes(data.remaining().min(PIECE));
        *left = Some(data).filter(Buf::has_remaining);
        Frame::data(piece)
    }
}

impl<B: Body> Body for Pieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(data) = this.left.take() {
            GIVEN.set(Given::Frame);
            this.activity.gave();
            return Poll::Ready(Some(Ok(Self::piece(this.left, data))));
        }
        GIVEN.set(Given::Nothing);
        let frame = ready!(this.body.poll_frame(cx));
        GIVEN.set(Given::Frame);
        this.activity.gave();
        Poll::Ready(frame.map(|frame| {
            Ok(match frame?.into_data() {
                Ok(data) => Self::piece(this.left, data),
                Err(other) => match other.into_trailers() {
                    Ok(trailers) => Frame::trailers(trailers),
                    Err(_) => Frame::data(Bytes::new()),
                },
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let left = self.left.as_ref().map_or(0, Buf::remaining) as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + left);
        }
        hint.set_lower(hint.lower() + left);
        hint
    }
}

/// Runs a poll of a stream. Returns what its body did.
pub(super) fn watching<T>(poll: impl FnOnce() -> T) -> (T, Given) {
    let outer = GIVEN.replace(Given::NotPolled);
    let polled = poll();
    (polled, GIVEN.replace(outer))
}

/// The largest frame that HTTP/2 sends unless it is told otherwise (RFC 9113, section 4.2).
const PIECE: usize = 16 << 10;
