use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::{BoxError, Rejection, RejectionKind, Reply};

use super::{drain, watched::declared};

/// A request body that is counted while it is read, unless its length is known.
pub struct RequestBody<B> {
    state: State<B>,
}

enum State<B> {
    Known(B),
    Counted { inner: B, count: Arc<BodyCount> },
    Spent,
}

/// How much of a request's body has been read.
#[derive(Debug)]
pub struct BodyCount {
    limit: Option<u64>,
    read: AtomicU64,
    /// By the head.
    declared: u64,
}

/// More of a body was read than is allowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyTooLarge;

// ===== impl RequestBody =====

impl<B> RequestBody<B> {
    #[inline]
    pub(super) fn new(inner: B, count: Option<Arc<BodyCount>>) -> Self {
        Self {
            state: match count {
                None => State::Known(inner),
                Some(count) => State::Counted { inner, count },
            },
        }
    }

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
    B: Body<Error: Into<BoxError>> + Send + Unpin + 'static,
    B::Data: Send,
{
    type Data = B::Data;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let (inner, count) = match &mut self.state {
            State::Known(inner) => {
                let frame = ready!(Pin::new(inner).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
            State::Counted { inner, count } => (inner, count),
            State::Spent => return Poll::Ready(None),
        };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        let read = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Buf::remaining) as u64,
            _ => 0,
        };
        if count.add(read).is_some() {
            self.give_up();
            return Poll::Ready(Some(Err(BodyTooLarge.into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Known(inner) => inner.is_end_stream(),
            State::Counted { inner, .. } => inner.is_end_stream(),
            State::Spent => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Known(inner) => inner.size_hint(),
            State::Counted { inner, .. } => inner.size_hint(),
            State::Spent => SizeHint::with_exact(0),
        }
    }
}

impl<B> RequestBody<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
{
    /// Reads on in the background, so that the client can read the response.
    fn give_up(&mut self) {
        if let State::Counted { inner, .. } = std::mem::replace(&mut self.state, State::Spent) {
            drain::spawn(inner, &mut Reply::default());
        }
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

// ===== impl BodyCount =====

impl BodyCount {
    /// Returns how the body that a reply knows of is counted, where its length is not known and somebody
    /// asks, or where it may pass a limit; or why it is refused.
    #[inline]
    pub(super) fn of(
        reply: &Reply,
        headers: &HeaderMap,
        is_watched: bool,
    ) -> Result<Option<Arc<Self>>, Rejection> {
        let (size, limit, has_ends) = (reply.body_size(), reply.body_limit(), reply.has_ends());
        if let Some(limit) = limit.filter(|limit| size.lower() > *limit) {
            return Err(Self::too_large(limit));
        }
        let is_known = match limit {
            Some(limit) => size.upper().is_some_and(|most| most <= limit),
            None => size.exact().is_some() || !is_watched,
        };
        let count = || Self {
            limit,
            read: AtomicU64::new(0),
            declared: declared(headers).unwrap_or(0),
        };
        // What is declared need not come.
        Ok((!is_known || has_ends).then(|| Arc::new(count())))
    }

    /// Takes the head's word, where nobody counts.
    #[cold]
    pub(super) fn believe(&self) {
        self.read.store(self.declared, Ordering::Release);
    }

    /// Counts some bytes. Returns the limit if it is passed.
    fn add(&self, bytes: u64) -> Option<u64> {
        self.read.fetch_add(bytes, Ordering::AcqRel);
        self.passed_limit()
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Acquire)
    }

    /// Returns the limit if more was read.
    pub(super) fn passed_limit(&self) -> Option<u64> {
        self.limit.filter(|limit| self.read() > *limit)
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
