#[cfg(feature = "decompression")]
use std::sync::{Mutex, PoisonError};
use std::{
    fmt, mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::request;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::{BoxError, Rejection, RejectionKind, Reply};

#[cfg(feature = "decompression")]
use super::decoded_body::{self, Decode};
use super::{
    Decoding,
    deadline::TimeLimit,
    drain,
    pace::{Paced, Waited},
    watched::declared,
};

/// A request body that is counted while it is read, unless its length is known, and decoded where a
/// [`BodyLimit`](crate::body_limit::BodyLimit) says so.
pub struct RequestBody<B> {
    state: State<B>,
}

enum State<B> {
    Known(B),
    Counted {
        inner: Paced<B>,
        count: Arc<BodyCount>,
    },
    /// Behind a lock that nobody takes: it makes a body shareable that need not be.
    #[cfg(feature = "decompression")]
    Decoded(Mutex<Box<dyn Decode>>),
    Spent,
}

/// How much of a request's body has been read.
#[derive(Debug)]
pub struct BodyCount {
    limit: Option<u64>,
    read: AtomicU64,
    decoding: Option<Decoding>,
    decoded: AtomicU64,
    /// Where it must come fast enough.
    waited: Option<Waited>,
    /// By the head.
    declared: u64,
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
            Some(count) if count.decoding.is_some() => State::decoded(inner, count),
            Some(count) => State::Counted {
                inner: Paced::new(inner, Arc::clone(&count)),
                count,
            },
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
        let (inner, count) = match &mut self.state {
            State::Known(inner) => {
                let frame = ready!(Pin::new(inner).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
            State::Counted { inner, count } => (inner, count),
            #[cfg(feature = "decompression")]
            State::Decoded(_) => return self.poll_decoded(cx),
            State::Spent => return Poll::Ready(None),
        };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        let read = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        if count.add(read) {
            self.give_up();
            return Poll::Ready(Some(Err(BodyTooLarge.into())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Known(inner) => inner.is_end_stream(),
            State::Counted { inner, .. } => inner.is_end_stream(),
            #[cfg(feature = "decompression")]
            State::Decoded(_) => false,
            State::Spent => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Known(inner) => inner.size_hint(),
            State::Counted { inner, .. } => inner.size_hint(),
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
            State::Counted { inner, .. } => drain::spawn(inner, &mut Reply::default()),
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
        let coding = count.decoding.map(|decoding| decoding.coding);
        let inner = Paced::new(inner, Arc::clone(&count));
        let body = coding.and_then(|coding| decoded_body::decode(inner, coding, count));
        body.map_or(Self::Spent, |body| Self::Decoded(Mutex::new(body)))
    }
}

// ===== impl BodyCount =====

impl BodyCount {
    /// Returns how the body that a reply knows of is counted, where its length is not known and somebody
    /// asks, or where it may pass a limit; or why it is refused.
    #[inline]
    pub(super) fn of(
        reply: &Reply,
        head: &mut request::Parts,
        is_watched: bool,
        time_limit: Option<TimeLimit>,
    ) -> Result<Option<Arc<Self>>, Rejection> {
        let (size, limit, has_ends) = (reply.body_size(), reply.body_limit(), reply.has_ends());
        if let Some(limit) = limit.filter(|limit| size.lower() > *limit) {
            return Err(Self::too_large(limit));
        }
        let is_known = match limit {
            Some(limit) => size.upper().is_some_and(|most| most <= limit),
            None => size.exact().is_some() || !is_watched,
        };
        // A guard that decodes limits too. Taken out: a layer below has a body that is decoded.
        let decoding = limit.and_then(|_| head.extensions.remove::<Decoding>());
        let pace = time_limit.and_then(|limit| limit.upload);
        let pace = pace.filter(|_| size.upper() != Some(0));
        let stream_idle = time_limit.and_then(|limit| limit.stream_idle);
        let count = || Self {
            limit,
            read: AtomicU64::new(0),
            decoding,
            decoded: AtomicU64::new(0),
            waited: pace.map(|pace| Waited::new(pace, stream_idle)),
            declared: declared(&head.headers).unwrap_or(0),
        };
        // What is declared need not come.
        let is_counted = !is_known || has_ends || decoding.is_some() || pace.is_some();
        Ok(is_counted.then(|| Arc::new(count())))
    }

    /// Takes the head's word, where nobody counts.
    #[cold]
    pub(super) fn believe(&self) {
        self.read.store(self.declared, Ordering::Release);
    }

    /// Counts some bytes. Returns `true` if they pass the limit.
    pub(super) fn add(&self, bytes: u64) -> bool {
        self.read.fetch_add(bytes, Ordering::AcqRel);
        self.passed_limit().is_some()
    }

    /// Counts some bytes that came out of a decoder. Returns `true` if they are too many.
    #[cfg(feature = "decompression")]
    pub(super) fn add_decoded(&self, bytes: u64) -> bool {
        self.decoded.fetch_add(bytes, Ordering::AcqRel);
        self.decoded_too_far().is_some()
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Acquire)
    }

    /// Returns why the body is refused, once it is.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Rejection> {
        let passed = self.passed_limit().map(Self::too_large);
        passed
            .or_else(|| self.decoded_too_far())
            .or_else(|| self.waited.as_ref()?.refusal())
    }

    pub(super) const fn waited(&self) -> Option<&Waited> {
        self.waited.as_ref()
    }

    /// Returns the limit if more was read.
    fn passed_limit(&self) -> Option<u64> {
        self.limit.filter(|limit| self.read() > *limit)
    }

    fn decoded_too_far(&self) -> Option<Rejection> {
        let decoding = self.decoding?;
        let decoded = self.decoded.load(Ordering::Acquire);
        let detail = if decoded > decoding.limit {
            format!("at most {} bytes are allowed, decoded", decoding.limit)
        } else if decoding.is_bomb(self.read(), decoded) {
            format!("at most {} times what is sent is decoded", decoding.ratio)
        } else {
            return None;
        };
        Some(Rejection::new(RejectionKind::BodyTooLarge).with_detail(detail))
    }

    pub(crate) fn too_large(limit: u64) -> Rejection {
        let detail = format!("at most {limit} bytes are allowed");
        Rejection::new(RejectionKind::BodyTooLarge).with_detail(detail)
    }
}

// ===== impl BodyTooLarge =====

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body is larger than allowed")
    }
}

impl std::error::Error for BodyTooLarge {}
