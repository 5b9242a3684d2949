//! A connection's bytes, below hyper.

use std::{
    fmt,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    activity::Activity,
    any_io::BoxIo,
    begun::Begun,
    due::Why,
    frames::Frames,
    framing::{Framing, Wrong},
    open::Slot,
    refusal::Refusals,
    upgraded::Side,
};

/// A connection's bytes, of which its [`Activity`] hears.
pub(super) struct Wire {
    io: BoxIo,
    /// Read to find out the version; hyper has not seen it.
    begun: Begun,
    /// HTTP/2.
    frames: Option<Frames>,
    /// HTTP/1.
    framing: Framing,
    /// What comes next of a body was wrong.
    is_broken: bool,
    refusals: Option<Refusals>,
    activity: Arc<Activity>,
    /// The connection is open for as long as this is.
    slot: Slot,
}

// ===== impl Wire =====

impl Wire {
    pub(super) fn new(io: BoxIo, begun: Begun, slot: Slot) -> Self {
        Self {
            io,
            begun,
            frames: None,
            framing: Framing::new(),
            is_broken: false,
            refusals: None,
            activity: Arc::clone(slot.activity()),
            slot,
        }
    }

    /// Counts the frames of HTTP/2.
    pub(super) fn frames(mut self) -> Self {
        self.frames = Some(Frames::new());
        self
    }

    /// Completes what hyper answers to requests that it can't parse.
    pub(super) fn refusals(mut self, refusals: Refusals) -> Self {
        self.refusals = Some(refusals);
        self
    }

    fn is_cut(&self, side: Side, cx: &Context<'_>) -> bool {
        self.activity.is_upgraded() && self.activity.is_cut(side, cx)
    }

    /// Looks at what came, in the buffer from `start` on.
    fn look(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        start: usize,
    ) -> io::Result<()> {
        if buf.filled().len() == start {
            return Ok(());
        }
        let Some(frames) = &mut self.frames else {
            self.activity.read();
            return self.look_at_framing(buf, start);
        };
        let flooded = frames.read(&buf.filled()[start..], &self.activity);
        if flooded.is_err() {
            buf.set_filled(start);
            self.slot.blamed(Why::Flood);
            // Said if it can be, and not in the middle of a frame; the connection ends.
            if frames.is_between() {
                let _ = Pin::new(&mut self.io).poll_write(cx, &GO_AWAY);
            }
        }
        flooded
    }

    /// Where a head goes wrong that hyper would take, it gets something that it doesn't.
    fn look_at_framing(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> io::Result<()> {
        if self.activity.is_upgraded() {
            self.framing.end();
        }
        match self.framing.read(&buf.filled()[start..]) {
            None => Ok(()),
            // What is right of it, its head among it, is read first.
            Some(Wrong::Body { at }) if at > 0 => {
                buf.set_filled(start + at);
                self.framing.end();
                self.is_broken = true;
                Ok(())
            }
            Some(Wrong::Body { .. }) => {
                buf.set_filled(start);
                Err(broken())
            }
            Some(Wrong::Head { at }) => {
                buf.set_filled(start + at);
                self.framing.end();
                self.begun = Begun::with(&UNREADABLE);
                self.begun.read(buf);
                Ok(())
            }
        }
    }

    /// Takes what hyper writes without a request: it could not parse one. Returns how much it was.
    fn refuse(&mut self, bufs: &[IoSlice<'_>]) -> Option<usize> {
        let refusals = self.refusals.as_mut()?;
        if self.activity.is_answering() {
            return None;
        }
        let status = refusals.take(bufs)?;
        self.slot.open().tally().unparsed(status);
        Some(bufs.iter().map(|buf| buf.len()).sum())
    }

    /// Writes what is written in place of hyper's refusal.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(refusals) = &mut self.refusals else {
            return Poll::Ready(Ok(()));
        };
        let flushed = refusals.poll_flush(&mut self.io, cx);
        if flushed.is_pending() {
            self.activity.blocked();
        }
        flushed
    }

    /// Notes how a write went.
    fn note(
        &mut self,
        written: Poll<io::Result<usize>>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                let Some(frames) = &mut self.frames else {
                    self.activity.wrote(bytes);
                    return written;
                };
                let mut left = bytes;
                for buf in bufs {
                    let part = &buf[..left.min(buf.len())];
                    if let Some(why) = frames.wrote(part, &self.activity) {
                        self.slot.blamed(why);
                    }
                    left -= part.len();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.blocked(),
        }
        written
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.activity.end_upgrade();
        if self.activity.is_discarded() {
            self.io.discard();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(Side::Reader, cx) {
            return Poll::Ready(Err(cut()));
        }
        if self.is_broken {
            return Poll::Ready(Err(broken()));
        }
        let start = buf.filled().len();
        if !self.begun.read(buf) {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        }
        Poll::Ready(self.look(cx, buf, start))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut(Side::Writer, cx) {
            return Poll::Ready(Err(cut()));
        }
        if let Some(bytes) = self.refuse(bufs) {
            return Poll::Ready(Ok(bytes));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(written, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            // What came behind a request was read with it, when nothing was awaited.
            if self.activity.flushed() && self.framing.is_in_head() {
                self.activity.head_began();
            }
        } else {
            self.activity.blocked();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        if shut.is_pending() {
            self.activity.blocked();
        }
        ready!(shut)?;
        let this = &mut *self;
        match &mut this.refusals {
            Some(refusals) => refusals.poll_linger(&mut this.io, cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("activity", &self.activity)
            .finish_non_exhaustive()
    }
}

fn broken() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a body in two readings")
}

fn cut() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "the server stops")
}

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
pub(super) const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What no head has (RFC 9112, section 2.2), and an end of one.
const UNREADABLE: [u8; 5] = *b"\0\r\n\r\n";

/// A GOAWAY of `ENHANCE_YOUR_CALM` (RFC 9113, sections 6.8 and 7). Any stream may have been served: a
/// client must not send again what it can't repeat.
const GO_AWAY: [u8; 17] = [
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0xb,
];
