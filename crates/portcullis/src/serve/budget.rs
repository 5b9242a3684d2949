//! What a client of HTTP/2 may send of frames that are neither requests nor bodies.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use tokio::time::Instant;

/// A bucket of what may be spent.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    /// Bytes that the client was sent and that gave nothing yet.
    written: u64,
    refilled: Instant,
}

// ===== impl Budget =====

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            left: BURST,
            written: 0,
            refilled: Instant::now(),
        }
    }

    /// Adds what was earned since.
    pub(super) fn refill(&mut self, earned_by_work: u64) {
        if self.left < BURST {
            let passed = self.refilled.elapsed().as_millis() as u64;
            let earned = passed * PER_SECOND / 1000;
            // What is not a whole frame yet is earned on.
            self.refilled += Duration::from_millis(earned * 1000 / PER_SECOND);
            let read = self.written / BYTES_PER_FRAME;
            self.left = self
                .left
                .saturating_add(earned + read + earned_by_work)
                .min(BURST);
        } else {
            self.refilled = Instant::now();
        }
        self.written %= BYTES_PER_FRAME;
    }

    /// # Errors
    ///
    /// Returns an error when there is too little.
    pub(super) fn spend(&mut self, price: u64) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(price) else {
            let flood = "more control frames than a client needs";
            return Err(io::Error::new(ErrorKind::ConnectionAborted, flood));
        };
        self.left = left;
        Ok(())
    }

    /// The client was sent so many bytes.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    #[cfg(test)]
    pub(super) const fn left(&self) -> u64 {
        self.left
    }
}

/// Control frames at once.
const BURST: u64 = 1000;

/// Control frames that come back with time.
const PER_SECOND: u64 = 100;

/// Bytes that the client reads for one more: twice as many as it needs for its windows when it
/// updates them after each KiB.
const BYTES_PER_FRAME: u64 = 512;
