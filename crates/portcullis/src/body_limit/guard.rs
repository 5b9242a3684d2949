use http::{HeaderMap, header, request};
use portcullis_core::{Guard, Reply, Verdict};

use crate::engine::BodyCount;

/// Limits the size of request bodies. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    bytes: u64,
}

// ===== impl BodyLimit =====

impl BodyLimit {
    /// Creates a guard that allows bodies of at most `bytes`.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Returns how large a body may be.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Guard for BodyLimit {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let size = reply.body_size();
        if size.upper().is_some_and(|most| most <= self.bytes) {
            return Verdict::Admit;
        }
        if size.lower().max(declared(&head.headers)) > self.bytes {
            return BodyCount::too_large(self.bytes).into();
        }
        reply.limit_body(self.bytes);
        Verdict::Admit
    }

    fn describe(&self) -> String {
        format!("{} bytes", self.bytes)
    }
}

/// Returns what the client says of the body's length; 0 where it says nothing.
fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let text = length.and_then(|length| length.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
