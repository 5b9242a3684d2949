//! What is sent: answers within the windows, resets, frames.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::{Goaway, Http2, Result, waits::calm};
use crate::{faults::Fault, message::Response};

/// An answer whose body is not sent.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) stream: u32,
    pub(super) body: Vec<u8>,
    pub(super) cut: bool,
    /// Since when the client takes less than it has to.
    pub(super) since: Instant,
    /// What it took since then.
    pub(super) taken: usize,
}

impl Http2 {
    pub(super) async fn respond(&mut self, stream: u32, response: Response) -> Result {
        if response.fatal {
            return Err(Goaway(2));
        }
        if !self.streams.contains_key(&stream) {
            return Ok(());
        }
        let status = response.status.to_string();
        let mut block = vec![0];
        string(&mut block, b":status");
        string(&mut block, status.as_bytes());
        for (name, value) in &response.fields {
            block.push(0);
            string(&mut block, name.as_bytes());
            string(&mut block, value.as_bytes());
        }
        self.send(1, 4, stream, &block).await?;
        self.sends.push_back(Sending {
            stream,
            body: response.body,
            cut: response.cut,
            since: Instant::now(),
            taken: 0,
        });
        self.flush().await
    }

    /// Sends what the windows allow.
    pub(super) async fn flush(&mut self) -> Result {
        for _ in 0..self.sends.len() {
            let Some(mut sending) = self.sends.pop_front() else {
                break;
            };
            let stream = sending.stream;
            let Some(known) = self.streams.get_mut(&stream) else {
                continue;
            };
            let room = self.window.min(known.window).clamp(0, 16 << 10) as usize;
            let count = room.min(sending.body.len());
            let piece: Vec<u8> = sending.body.drain(..count).collect();
            sending.took(count, self.app.fault);
            known.window -= count as i64;
            self.window -= count as i64;
            match (sending.body.is_empty(), sending.cut) {
                (true, true) => {
                    self.send(0, 0, stream, &piece).await?;
                    self.reset(stream, 2).await?;
                }
                (true, false) => {
                    self.send(0, 1, stream, &piece).await?;
                    self.streams.remove(&stream);
                }
                (false, _) => {
                    if count > 0 {
                        self.send(0, 0, stream, &piece).await?;
                    }
                    self.sends.push_back(sending);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn reset(&mut self, stream: u32, code: u32) -> Result {
        self.streams.remove(&stream);
        self.counts.own_resets += 1;
        let is_flood = self.counts.own_resets > 100;
        calm(is_flood && !self.app.has(Fault::H2OwnResets))?;
        self.send(3, 0, stream, &code.to_be_bytes()).await
    }

    pub(super) async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Result {
        let length = (payload.len() as u32).to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        let written = timeout(Duration::from_secs(3), self.io.write_all(&bytes)).await;
        written.map_err(|_| Goaway(0))??;
        Ok(())
    }
}

fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..127 => block.push(length as u8),
        length => {
            block.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(bytes);
}
