use bytes::BytesMut;
use tokio::io::ReadBuf;

/// The first bytes of a connection, as many as came at once: mostly a whole request, for which hyper
/// need not ask the system again.
#[derive(Debug)]
pub(super) struct Begun(BytesMut);

// ===== impl Begun =====

impl Begun {
    pub(super) fn new() -> Self {
        Self(BytesMut::with_capacity(FIRST_READ))
    }

    pub(super) fn with(bytes: &[u8]) -> Self {
        Self(BytesMut::from(bytes))
    }

    pub(super) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Puts into `buf` what hyper has not seen. Returns `false` if there is none.
    pub(super) fn read(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let length = self.0.len().min(buf.remaining());
        buf.put_slice(&self.0.split_to(length));
        if self.0.is_empty() {
            // Its memory goes.
            self.0 = BytesMut::new();
        }
        true
    }
}

/// Bytes: what hyper reads at once. It closes a connection whose request's body did not all come with
/// the head, when the response is there before anybody read it.
const FIRST_READ: usize = 8 << 10;
