use std::fmt;

/// Reads the body of a request that a guard answers. Made by [`Reply::read_body`](super::Reply::read_body).
pub struct BodyReader {
    limit: usize,
    read: Read,
}

type Read = Box<dyn FnOnce(Option<&[u8]>) + Send>;

// ===== impl BodyReader =====

impl BodyReader {
    pub(super) fn new(limit: usize, read: Read) -> Self {
        Self { limit, read }
    }

    /// Returns how many bytes are wanted at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Reads the body: `None` if it is too long or too slow, or broke off.
    pub fn read(self, body: Option<&[u8]>) {
        (self.read)(body);
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
