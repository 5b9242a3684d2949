//! A request's body that is decoded while it is read.

use std::{
    future::{self, Future, Ready},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_ENCODING};
use http_body::{Body, Frame};
use portcullis_core::{BoxError, Reply};
use tower_http::decompression::{Decompression, DecompressionBody};
use tower_service::Service;

use super::{
    BodyCount, BodyTooLarge,
    checks::Checks,
    counted_body::Counted,
    decoding::Coding,
    drain,
    fed_body::{Fed, Left},
};

/// A body that is decoded, whatever body it was.
pub(super) trait Decode: Send {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;

    /// Reads on in the background what was sent, so that the client can read the response.
    fn give_up(self: Box<Self>);
}

/// A body on the way out of a decoder.
struct Decoded<E: Body> {
    body: DecompressionBody<E>,
    left: Left,
    count: Arc<BodyCount>,
}

/// A service that answers once: decoders are made for responses.
struct Once<B>(Option<Response<B>>);

/// Returns a body decoded.
pub(super) fn decode<B>(
    encoded: Counted<B>,
    coding: Coding,
    count: Arc<BodyCount>,
) -> Option<Box<dyn Decode>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let left = Left::default();
    let body = decoder(Fed::new(encoded, left.clone()), coding)?;
    Some(Box::new(Decoded { body, left, count }))
}

/// The library makes a decoder of a response with a `Content-Encoding`, at once.
fn decoder<B: Body>(body: B, coding: Coding) -> Option<DecompressionBody<B>> {
    let mut response = Response::new(body);
    let name = HeaderValue::from_static(coding.name());
    response.headers_mut().insert(CONTENT_ENCODING, name);
    let call = Decompression::new(Once(Some(response))).call(Request::new(()));
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => Some(response.into_body()),
        Poll::Ready(Err(())) | Poll::Pending => None,
    }
}

// ===== impl Decode =====

impl<B> Decode for Decoded<Fed<Counted<B>>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() {
            return Poll::Ready(self.end().map(Err));
        }
        if let Some(Ok(frame)) = &frame {
            let decoded = frame.data_ref().map_or(0, Bytes::len) as u64;
            if self.count.add_decoded(decoded) {
                return Poll::Ready(Some(Err(BodyTooLarge.into())));
            }
        }
        Poll::Ready(frame)
    }

    fn give_up(self: Box<Self>) {
        let counted = self.body.into_inner().into_inner();
        drain::spawn(counted.into_inner(), &mut Reply::default());
    }
}

impl<E: Body> Decoded<E> {
    /// Returns why it may not end here: a decoder knows its own end, which must be that of what was sent.
    fn end(&self) -> Option<BoxError> {
        let is_unread = |checks: &Checks| !checks.is_finished();
        let has_more = self.left.is_some() || self.count.checks().is_some_and(is_unread);
        has_more.then(|| "bytes behind the end of what is encoded".into())
    }
}

// ===== impl Once =====

impl<B> Service<Request<()>> for Once<B> {
    type Response = Response<B>;
    type Error = ();
    type Future = Ready<Result<Response<B>, ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        future::ready(self.0.take().ok_or(()))
    }
}
