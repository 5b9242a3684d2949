//! Frames, as they are read.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt,
    net::tcp::OwnedReadHalf,
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::faults::Fault;

/// A frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// Reads frames until the client closes the connection, or takes too long for one.
pub(super) async fn read_frames(
    mut io: OwnedReadHalf,
    mut buffer: Vec<u8>,
    frames: mpsc::Sender<Frame>,
    fault: Fault,
) {
    let mut deadline = later(fault);
    loop {
        while buffer.len() >= 9 {
            let length =
                usize::from(buffer[0]) << 16 | usize::from(buffer[1]) << 8 | usize::from(buffer[2]);
            if length > 1 << 20 || buffer.len() < 9 + length {
                break;
            }
            let frame = Frame {
                kind: buffer[3],
                flags: buffer[4],
                stream: u32::from_be_bytes([buffer[5] & 0x7f, buffer[6], buffer[7], buffer[8]]),
                payload: buffer[9..9 + length].to_vec(),
            };
            buffer.drain(..9 + length);
            if frames.send(frame).await.is_err() {
                return;
            }
            deadline = later(fault);
        }
        let is_between = buffer.is_empty();
        buffer.reserve(16 << 10);
        let reading = io.read_buf(&mut buffer);
        let read = if is_between {
            Ok(reading.await)
        } else {
            timeout_at(deadline, reading).await
        };
        if !matches!(read, Ok(Ok(1..))) {
            return;
        }
        if is_between || fault == Fault::H2FrameRenews {
            deadline = later(fault);
        }
    }
}

/// When a frame that begins now must be whole.
fn later(fault: Fault) -> Instant {
    let seconds = if fault == Fault::H2FrameAwaited {
        3600
    } else {
        2
    };
    Instant::now() + Duration::from_secs(seconds)
}
