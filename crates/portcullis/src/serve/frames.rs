//! The frames of HTTP/2 that cost more to answer than to send.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

use tokio::time::Instant;

use super::{activity::Activity, wire::PREFACE};

/// Reads the heads of frames as they pass, and ends a connection that floods.
///
/// Each frame that isn't a request or a piece of a body costs; the budget grows with time and with
/// what the client reads. So a client that works may send as many as it needs to.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass before the next head.
    payload: usize,
    head: [u8; HEAD],
    /// How much of it came.
    filled: usize,
    has_settings: bool,
    block: Block,
    budget: Budget,
}

/// The head of a request, in HEADERS and CONTINUATION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    None,
    /// More frames follow.
    Open,
    /// This frame is the last.
    Last,
}

/// A bucket of what may be spent.
#[derive(Debug)]
struct Budget {
    left: u64,
    /// Bytes that the client was sent and that gave nothing yet.
    written: u64,
    refilled: Instant,
}

// ===== impl Frames =====

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            payload: PREFACE.len(),
            head: [0; HEAD],
            filled: 0,
            has_settings: false,
            block: Block::None,
            budget: Budget::new(),
        }
    }

    /// Looks at bytes that came.
    ///
    /// # Errors
    ///
    /// Returns an error when the client floods.
    pub(super) fn read(&mut self, mut bytes: &[u8], activity: &Arc<Activity>) -> io::Result<()> {
        self.budget.refill();
        let was_open = self.block != Block::None;
        while !bytes.is_empty() {
            bytes = self.pass(bytes);
            bytes = self.take(bytes);
            if self.filled == HEAD {
                self.filled = 0;
                self.frame(activity)?;
            }
        }
        self.pass(&[]);
        match (was_open, self.block != Block::None) {
            (false, true) => activity.head_began(),
            (true, false) => activity.head_ended(),
            _ => {}
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, usize, u64) {
        (self.payload, self.filled, self.budget.left)
    }

    /// Passes a payload, or what came of it.
    fn pass<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let passed = self.payload.min(bytes.len());
        self.payload -= passed;
        if self.payload == 0 && self.block == Block::Last {
            self.block = Block::None;
        }
        &bytes[passed..]
    }

    /// Takes the head of a frame, or what came of it.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let taken = (HEAD - self.filled).min(bytes.len());
        self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        &bytes[taken..]
    }

    /// The client was sent bytes.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.budget.written += bytes as u64;
    }

    /// A frame's head is whole: RFC 9113, section 4.1.
    fn frame(&mut self, activity: &Arc<Activity>) -> io::Result<()> {
        let [a, b, c, kind, flags, ..] = self.head;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let has = |flag| flags & flag != 0;
        match kind {
            HEADERS | CONTINUATION if has(END_HEADERS) => self.block = Block::Last,
            HEADERS | CONTINUATION => self.block = Block::Open,
            SETTINGS if !self.has_settings => {
                self.has_settings = true;
                activity.head_ended();
            }
            _ => {}
        }
        let price = match kind {
            DATA if self.payload > 0 || has(END_STREAM) => 0,
            HEADERS => 0,
            PING | SETTINGS if has(ACK) => 1,
            PING | SETTINGS => ANSWERED,
            _ => 1,
        };
        self.budget.spend(price)
    }
}

// ===== impl Budget =====

impl Budget {
    fn new() -> Self {
        Self {
            left: BURST,
            written: 0,
            refilled: Instant::now(),
        }
    }

    fn refill(&mut self) {
        if self.left < BURST {
            let passed = self.refilled.elapsed().as_millis() as u64;
            let earned = passed * PER_SECOND / 1000;
            if earned > 0 {
                self.refilled = Instant::now();
            }
            let read = self.written / BYTES_PER_FRAME;
            self.left = self.left.saturating_add(earned + read).min(BURST);
        } else {
            self.refilled = Instant::now();
        }
        self.written %= BYTES_PER_FRAME;
    }

    fn spend(&mut self, price: u64) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(price) else {
            let flood = "more control frames than a client needs";
            return Err(io::Error::new(ErrorKind::ConnectionAborted, flood));
        };
        self.left = left;
        Ok(())
    }
}

/// Of a frame's head, in bytes.
const HEAD: usize = 9;

// RFC 9113, section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a frame costs that must be answered: a flood of 100 of them is one too many.
const ANSWERED: u64 = 10;

/// Control frames at once.
const BURST: u64 = 1000;

/// Control frames that come back with time.
const PER_SECOND: u64 = 100;

/// Bytes that the client reads for one more: twice as many as it needs for its windows when it
/// updates them after each KiB.
const BYTES_PER_FRAME: u64 = 512;
