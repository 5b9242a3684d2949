//! What hyper answers by itself to a request of HTTP/1 that it can't parse.

use std::{
    io::{self, IoSlice, Write},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::any_io::BoxIo;

/// Answers a request that could not be parsed, from a peer, with a status.
pub(super) type Render = Arc<dyn Fn(StatusCode, SocketAddr) -> Response<Bytes> + Send + Sync>;

/// Finds such answers in what hyper writes, and completes them.
pub(super) struct Refusals {
    render: Option<Render>,
    peer: SocketAddr,
    /// What is written instead, as far as it isn't yet.
    left: Bytes,
    /// Bytes that are read before the connection is closed, so that the client reads the answer.
    lingers: Option<usize>,
}

// ===== impl Refusals =====

impl Refusals {
    pub(super) const fn new(render: Option<Render>, peer: SocketAddr) -> Self {
        Self {
            render,
            peer,
            left: Bytes::new(),
            lingers: None,
        }
    }

    /// Takes what hyper writes without having been asked. Returns its status.
    pub(super) fn take(&mut self, bufs: &[IoSlice<'_>]) -> Option<StatusCode> {
        let first = bufs.iter().find(|buf| !buf.is_empty())?;
        let status = StatusCode::from_bytes(first.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
        self.lingers = Some(LINGERS_FOR);
        self.left = match &self.render {
            Some(render) => on_wire(render(status, self.peer)),
            None => bufs.iter().flat_map(|buf| buf.iter().copied()).collect(),
        };
        Some(status)
    }

    /// Writes what is written instead.
    pub(super) fn poll_flush(
        &mut self,
        io: &mut BoxIo,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.left.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what a refused client still sends: a close in between would take the answer from it
    /// (RFC 9112, section 9.6).
    pub(super) fn poll_linger(&mut self, io: &mut BoxIo, cx: &mut Context<'_>) -> Poll<()> {
        if self.lingers.is_none() {
            return Poll::Ready(());
        }
        let mut unread = [0; 4096];
        while let Some(left) = self.lingers {
            let mut buf = ReadBuf::new(&mut unread);
            let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buf));
            let bytes = buf.filled().len();
            let is_over = read.is_err() || bytes == 0;
            self.lingers = left.checked_sub(bytes).filter(|_| !is_over);
        }
        Poll::Ready(())
    }
}

/// A whole response, after which the connection is closed.
fn on_wire(response: Response<Bytes>) -> Bytes {
    let (head, body) = response.into_parts();
    let mut wire = Vec::with_capacity(1024);
    let status = head.status;
    let reason = status.canonical_reason().unwrap_or_default();
    // Writing to a vector does not fail.
    let _ = write!(wire, "HTTP/1.1 {} {reason}\r\n", status.as_str());
    for (name, value) in &head.headers {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    let length = body.len();
    let _ = write!(
        wire,
        "connection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    wire.extend_from_slice(&body);
    wire.into()
}

/// Bytes. More than any head that the parser reads.
const LINGERS_FOR: usize = 1 << 20;
