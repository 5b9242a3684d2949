use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::BoxError;

/// A body of one's own: implements nothing but [`http_body::Body`], so it cannot be made of bytes.
#[derive(Debug, Default)]
pub struct OwnBody(crate::Body);

/// A body of unknown length that gives its chunks one by one.
#[derive(Debug, Default)]
pub struct Chunks(VecDeque<Result<Bytes, &'static str>>);

// ===== impl OwnBody =====

impl<T> From<T> for OwnBody
where
    crate::Body: From<T>,
{
    fn from(data: T) -> Self {
        Self(data.into())
    }
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

// ===== impl Chunks =====

impl Chunks {
    /// A body that gives these chunks.
    pub fn new(chunks: impl IntoIterator<Item = Result<&'static str, &'static str>>) -> Self {
        let bytes =
            |chunk: Result<&'static str, _>| chunk.map(|text| Bytes::from_static(text.as_bytes()));
        Self(chunks.into_iter().map(bytes).collect())
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = |chunk: Result<Bytes, &str>| chunk.map(Frame::data).map_err(Into::into);
        Poll::Ready(self.0.pop_front().map(frame))
    }
}
