//! The frames of HTTP/2 that cost more to answer than to send.

use std::{collections::HashSet, io};

use super::{activity::Activity, budget::Budget, due::Why, wire::PREFACE};

/// Reads the heads of frames as they pass, and ends a connection that floods.
///
/// Each frame that isn't a request or a piece of a body costs; the budget grows with time, with
/// requests, and with what the client is sent. So a client that works may send as many as it needs to:
/// gRPC's send a PING and a WINDOW_UPDATE for each message.
#[derive(Debug)]
pub(super) struct Frames {
    came: Walk,
    left: Walk,
    has_settings: bool,
    block: Block,
    streams: Streams,
    budget: Budget,
}

/// Goes from frame to frame (RFC 9113, section 4.1).
#[derive(Debug)]
struct Walk {
    /// Bytes to pass before the next head.
    payload: usize,
    head: [u8; HEAD],
    /// How much of it is there.
    filled: usize,
}

/// The streams whose response has not left, whatever hyper knows of it: it hands all of a small one
/// over at once, and h2 keeps what the client's window has no room for.
#[derive(Debug, Default)]
struct Streams {
    open: HashSet<u32>,
    last: u32,
    /// Of a head that is not whole: it asks for nothing yet.
    coming: Option<u32>,
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

// ===== impl Frames =====

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            came: Walk::after(PREFACE.len()),
            left: Walk::after(0),
            has_settings: false,
            block: Block::None,
            streams: Streams::default(),
            budget: Budget::new(),
        }
    }

    /// Looks at bytes that came.
    ///
    /// # Errors
    ///
    /// Returns an error when the client floods.
    pub(super) fn read(&mut self, mut bytes: &[u8], activity: &Activity) -> io::Result<()> {
        self.budget.refill(activity.take_earned());
        let was_open = self.block != Block::None;
        while !bytes.is_empty() {
            let is_head = self.came.step(&mut bytes);
            self.block_ended();
            if is_head {
                self.frame_came(activity)?;
            }
        }
        self.block_ended();
        match (was_open, self.block != Block::None) {
            (false, true) => activity.head_began(),
            (true, false) => activity.head_ended(),
            _ => {}
        }
        activity.set_streams(self.streams.open.len());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, usize, u64) {
        (self.came.payload, self.came.filled, self.budget.left())
    }

    /// Looks at bytes that left. Returns what the client was blamed for, if it was.
    pub(super) fn wrote(&mut self, mut bytes: &[u8], activity: &Activity) -> Option<Why> {
        self.budget.wrote(bytes.len());
        let (mut why, mut data) = (None, 0);
        while !bytes.is_empty() {
            data += self.left.data(bytes.len());
            if self.left.step(&mut bytes) {
                self.streams.left(&self.left);
                why = why.or_else(|| self.left.blame(bytes));
            }
        }
        // Heads and PINGs leave whatever the client's windows say: who takes no more than them reads nothing.
        activity.wrote(data);
        activity.set_streams(self.streams.open.len());
        why
    }

    /// Whether what left ends with a whole frame.
    pub(super) const fn is_between(&self) -> bool {
        self.left.payload == 0 && self.left.filled == 0
    }

    fn block_ended(&mut self) {
        if self.came.payload == 0 && self.block == Block::Last {
            self.block = Block::None;
            self.streams.begin();
        }
    }

    fn frame_came(&mut self, activity: &Activity) -> io::Result<()> {
        let (kind, flags) = (self.came.head[3], self.came.head[4]);
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
        self.streams.came(&self.came);
        let price = match kind {
            DATA if self.came.payload > 0 || has(END_STREAM) => 0,
            HEADERS => 0,
            PING | SETTINGS if has(ACK) => 1,
            PING | SETTINGS => ANSWERED,
            _ => 1,
        };
        self.budget.spend(price)
    }
}

// ===== impl Walk =====

impl Walk {
    const fn after(payload: usize) -> Self {
        Self {
            payload,
            head: [0; HEAD],
            filled: 0,
        }
    }

    /// Passes a payload, or takes a part of a head. Returns `true` if the head is whole.
    fn step(&mut self, bytes: &mut &[u8]) -> bool {
        let passed = self.payload.min(bytes.len());
        self.payload -= passed;
        *bytes = &bytes[passed..];
        let taken = (HEAD - self.filled).min(bytes.len());
        self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        *bytes = &bytes[taken..];
        if self.filled < HEAD {
            return false;
        }
        self.filled = 0;
        let [a, b, c, ..] = self.head;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        true
    }

    /// Returns how many of so many bytes are of a body.
    fn data(&self, bytes: usize) -> usize {
        if self.head[3] == DATA {
            self.payload.min(bytes)
        } else {
            0
        }
    }

    /// Returns what a GOAWAY blames the client for. `payload` is what of it is there: all, where it
    /// was written by h2, and else nobody is blamed.
    fn blame(&self, payload: &[u8]) -> Option<Why> {
        if self.head[3] != GOAWAY {
            return None;
        }
        match payload.get(4..8)? {
            [0, 0, 0, 0] => None,
            [0, 0, 0, ENHANCE_YOUR_CALM] => Some(Why::Flood),
            _ => Some(Why::Protocol),
        }
    }

    const fn stream(&self) -> u32 {
        let [_, _, _, _, _, a, b, c, d] = self.head;
        u32::from_be_bytes([a & 0x7f, b, c, d])
    }
}

// ===== impl Streams =====

impl Streams {
    /// A head is whole.
    fn begin(&mut self) {
        if let Some(stream) = self.coming.take() {
            self.last = stream;
            if self.open.len() < MOST_STREAMS {
                self.open.insert(stream);
            }
        }
    }

    fn came(&mut self, frame: &Walk) {
        let stream = frame.stream();
        match frame.head[3] {
            // A second HEADERS of a stream are its trailers.
            HEADERS if stream > self.last => self.coming = Some(stream),
            RST_STREAM => {
                self.open.remove(&stream);
            }
            _ => {}
        }
    }

    fn left(&mut self, frame: &Walk) {
        let is_end = frame.head[4] & END_STREAM != 0;
        match frame.head[3] {
            DATA | HEADERS if is_end => self.open.remove(&frame.stream()),
            RST_STREAM => self.open.remove(&frame.stream()),
            _ => false,
        };
    }
}

/// Of a frame's head, in bytes.
const HEAD: usize = 9;

// RFC 9113, section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113, section 7.
const ENHANCE_YOUR_CALM: u8 = 0xb;

/// What a frame costs that must be answered: a flood of 100 of them is one too many.
const ANSWERED: u64 = 10;

/// Of streams, and those that are refused: more than any client may have.
const MOST_STREAMS: usize = 4096;
