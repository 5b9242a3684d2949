//! A body that knows how much of it a decoder has taken.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};

/// A body on its way into a decoder.
pub(super) struct Fed<B> {
    inner: B,
    left: Left,
}

/// How many bytes a decoder was given, and has not taken. What is left when it ends is behind the end
/// of what it decodes: another reader may take that for a part of the body.
#[derive(Clone, Debug, Default)]
pub(super) struct Left(Arc<AtomicUsize>);

/// A piece of it.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    left: Left,
}

// ===== impl Fed =====

impl<B> Fed<B> {
    pub(super) const fn new(inner: B, left: Left) -> Self {
        Self { inner, left }
    }

    pub(super) fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Fed<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        let left = &self.left;
        frame.map_ok(|frame| {
            frame.map_data(|bytes| {
                left.0.fetch_add(bytes.len(), Relaxed);
                let left = left.clone();
                Piece { bytes, left }
            })
        })
    }
}

// ===== impl Left =====

impl Left {
    pub(super) fn is_some(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

// ===== impl Piece =====

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.left.0.fetch_sub(count, Relaxed);
    }
}
