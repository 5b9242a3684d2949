//! Heads: HEADERS, CONTINUATION, and what they say.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{Goaway, Http2, Result, Stream, waits::calm};
use crate::{faults::Fault, message::Head};

/// Fields, from their table.
pub(super) struct Decoder(pub(super) fluke_hpack::Decoder<'static>);

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Http2 {
    pub(super) async fn headers(&mut self, stream: u32, flags: u8, payload: Vec<u8>) -> Result {
        let padding = if flags & 8 != 0 {
            usize::from(*payload.first().unwrap_or(&0)) + 1
        } else {
            0
        };
        let start = usize::from(flags & 8 != 0) + if flags & 0x20 != 0 { 5 } else { 0 };
        let end = payload.len().saturating_sub(padding.saturating_sub(1));
        let block = payload.get(start..end).ok_or(Goaway(1))?.to_vec();
        if stream.is_multiple_of(2) {
            return Err(Goaway(1));
        }
        self.block = Some((stream, flags & 1 != 0, block, 0));
        self.awaits_since = Instant::now();
        if flags & 4 != 0 {
            self.head().await
        } else {
            Ok(())
        }
    }

    pub(super) async fn continuation(&mut self, flags: u8, payload: &[u8]) -> Result {
        let (_, _, block, frames) = self.block.as_mut().ok_or(Goaway(1))?;
        block.extend_from_slice(payload);
        *frames += 1;
        if self.app.has(Fault::H2ContinuationRenews) {
            self.awaits_since = Instant::now();
        }
        let is_flood = *frames > 16 || block.len() > 32 << 10;
        calm(is_flood && !self.app.has(Fault::H2Continuations))?;
        if flags & 4 != 0 {
            self.head().await
        } else {
            Ok(())
        }
    }

    /// A whole head.
    async fn head(&mut self) -> Result {
        let (stream, ends, block, _) = self.block.take().ok_or(Goaway(1))?;
        let (mut fields, mut size) = (Vec::new(), 0);
        let decoded = self.decoder.0.decode_with_cb(&block, |name, value| {
            size += name.len() + value.len() + 32;
            if size <= 4 << 20 {
                fields.push((name.into_owned(), value.into_owned()));
            }
        });
        decoded.map_err(|_| Goaway(9))?;
        if size > 16 << 10 && !self.app.has(Fault::H2Fields) {
            return self.reset(stream, 11).await;
        }
        if self.streams.contains_key(&stream) {
            // Trailers: dropped.
            return self.ended(stream).await;
        }
        if self.streams.len() >= 100 && !self.app.has(Fault::H2Streams) {
            return self.reset(stream, 7).await;
        }
        let checks = !matches!(
            self.app.fault,
            Fault::H2FieldsUnchecked | Fault::FrontFields
        );
        if checks && fields.iter().any(|(name, value)| is_forbidden(name, value)) {
            return self.reset(stream, 1).await;
        }
        let (head, length) = self.request(fields);
        self.streams.insert(
            stream,
            Stream {
                head: Some(head),
                body: Vec::new(),
                length,
                window: self.first_window,
            },
        );
        if ends {
            self.ended(stream).await
        } else {
            self.early(stream).await
        }
    }

    fn request(&self, fields: Vec<(Vec<u8>, Vec<u8>)>) -> (Head, Option<u64>) {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (pseudo, plain): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .partition(|(name, _)| name.starts_with(b":"));
        let pseudo: HashMap<_, _> = pseudo
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let plain = plain
            .into_iter()
            .map(|(name, value)| (text(name).to_ascii_lowercase(), value));
        let mut head = Head {
            method: pseudo.get(":method").cloned().unwrap_or_default(),
            path: pseudo.get(":path").cloned().unwrap_or_default(),
            query: String::new(),
            fields: plain.collect(),
            host: pseudo.get(":authority").cloned(),
            peer: self.peer,
            http2: true,
            connection: 0,
        };
        if let Some((path, query)) = head.path.clone().split_once('?') {
            (head.path, head.query) = (path.to_owned(), query.to_owned());
        }
        let named = head.one("host");
        let differs = !named.is_empty() && head.host.as_ref().is_some_and(|host| *host != named);
        if differs && !self.app.has(Fault::H2Authority) {
            // Two names are no name.
            head.host = Some(String::new());
        }
        let length = head.one("content-length").parse().ok();
        (head, length)
    }
}

/// What HTTP/2 forbids in a field (RFC 9113, 8.2).
fn is_forbidden(name: &[u8], value: &[u8]) -> bool {
    let connection: [&[u8]; 5] = [
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-connection",
    ];
    name.iter()
        .any(|byte| byte.is_ascii_uppercase() || matches!(byte, 0..=b' ' | 127..))
        || connection.contains(&name)
        || name == b"te" && value != b"trailers"
        || value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
