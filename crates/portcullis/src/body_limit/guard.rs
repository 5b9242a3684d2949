use std::sync::Arc;

use http::{
    HeaderMap,
    header::{self, CONTENT_TYPE, EXPECT},
    request,
};
use portcullis_core::{ConfigError, Guard, Rejection, RejectionKind, Reply, Verdict};

use super::media::{MediaRanges, MediaType};
use crate::engine::BodyCount;

/// Limits the size of request bodies, and what they are. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct BodyLimit {
    bytes: u64,
    types: Option<Arc<MediaRanges>>,
    #[cfg(feature = "decompression")]
    decoding: super::coding::Limits,
}

// ===== impl BodyLimit =====

impl BodyLimit {
    /// Creates a guard that allows bodies of at most `bytes`, as they are sent.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            types: None,
            #[cfg(feature = "decompression")]
            decoding: super::coding::Limits::OFF,
        }
    }

    /// Returns how large a body may be, as it is sent.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Allows bodies of these types only: `application/json`, `text/*`, `application/*+json`.
    /// Parameters don't count. A body of another type, of none or of several is answered with 415 and
    /// `Accept` (RFC 9110, section 15.5.16).
    ///
    /// # Errors
    ///
    /// Returns every entry that is not a media type; an empty list is an error as well.
    pub fn content_types(
        mut self,
        types: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        self.types = Some(Arc::new(MediaRanges::parse(types)?));
        Ok(self)
    }

    /// Decodes bodies with a `Content-Encoding` of `gzip`, `deflate`, `br` or `zstd`, and allows at most
    /// `bytes` of what comes out. The application reads that; `Content-Encoding` and `Content-Length` are
    /// gone. Another coding, and several, are answered with 415 and `Accept-Encoding` (RFC 9110, section
    /// 15.5.16).
    ///
    /// Off unless it is set: then bodies are passed on as they are sent.
    #[cfg(feature = "decompression")]
    #[must_use]
    pub const fn decoded(mut self, bytes: u64) -> Self {
        self.decoding.bytes = Some(bytes);
        self
    }

    /// Sets how many bytes may be decoded for each that is sent, once 64 KiB are decoded:
    /// [`DEFAULT_RATIO`](super::DEFAULT_RATIO) unless told otherwise. Does nothing where bodies are not
    /// [decoded](Self::decoded).
    #[cfg(feature = "decompression")]
    #[must_use]
    pub const fn ratio(mut self, most: u64) -> Self {
        self.decoding.ratio = most;
        self
    }

    /// Judges a request that may have a body.
    fn check(&self, head: &mut request::Parts, reply: &mut Reply) -> Result<(), Rejection> {
        check_expectation(&head.headers)?;
        if let Some(types) = &self.types {
            check_type(types, &head.headers)?;
        }
        let size = reply.body_size();
        let is_small = size.upper().is_some_and(|most| most <= self.bytes);
        if !is_small && size.lower().max(declared(&head.headers)) > self.bytes {
            return Err(BodyCount::too_large(self.bytes));
        }
        if self.decodes(head)? || !is_small {
            reply.limit_body(self.bytes);
        }
        Ok(())
    }

    #[cfg(feature = "decompression")]
    fn decodes(&self, head: &mut request::Parts) -> Result<bool, Rejection> {
        self.decoding.apply(head)
    }

    #[cfg(not(feature = "decompression"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "a feature does more"
    )]
    const fn decodes(&self, _: &mut request::Parts) -> Result<bool, Rejection> {
        Ok(false)
    }
}

impl Guard for BodyLimit {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if reply.body_size().upper() == Some(0) {
            return Verdict::Admit;
        }
        self.check(head, reply).into()
    }

    fn describe(&self) -> String {
        let mut text = format!("{} bytes", self.bytes);
        #[cfg(feature = "decompression")]
        if let Some(decoded) = self.decoding.bytes {
            text += &format!(", {decoded} decoded");
        }
        if let Some(types) = &self.types {
            text += &format!("; {types}");
        }
        text
    }
}

/// Nothing but `100-continue` is ever expected (RFC 9110, section 10.1.1). HTTP/1.0 has no
/// expectations, and hyper heeds none there.
fn check_expectation(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut expected = headers.get_all(EXPECT).iter();
    let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    if expected.all(|value| is_known(value.as_bytes())) {
        Ok(())
    } else {
        Err(Rejection::new(RejectionKind::ExpectationFailed).with_layer("body_limit"))
    }
}

fn check_type(types: &MediaRanges, headers: &HeaderMap) -> Result<(), Rejection> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let found = match (values.next(), values.next()) {
        (Some(only), None) => MediaType::parse(only.as_bytes()),
        _ => None,
    };
    if found.is_some_and(|found| types.contains(found)) {
        Ok(())
    } else {
        Err(types.refusal())
    }
}

/// Returns what the client says of the body's length; 0 where it says nothing.
fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    let text = length.and_then(|length| length.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
