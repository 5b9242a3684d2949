use http::request;
use portcullis_core::{Rejection, RejectionKind};

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Bytes of the target.
    pub(super) uri: usize,
    /// Bytes of all names and values.
    pub(super) bytes: usize,
    pub(super) fields: usize,
}

// ===== impl Sizes =====

impl Sizes {
    #[inline]
    pub(super) fn check(
        &self,
        bytes: usize,
        cookies: usize,
        head: &request::Parts,
    ) -> Result<(), Rejection> {
        let (authority, path) = (head.uri.authority(), head.uri.path_and_query());
        let target = authority.map_or(0, |authority| authority.as_str().len())
            + path.map_or(0, |path| path.as_str().len());
        if target > self.uri {
            return Err(Rejection::new(RejectionKind::UriTooLong).with_layer("hygiene"));
        }
        if bytes > self.bytes || head.headers.len() - cookies.saturating_sub(1) > self.fields {
            return Err(Rejection::new(RejectionKind::HeadersTooLarge).with_layer("hygiene"));
        }
        Ok(())
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            // RFC 9112, section 3, asks for 8000 at least.
            uri: 8192,
            bytes: 32 * 1024,
            fields: 100,
        }
    }
}
