//! How a body is encoded.

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH},
    request,
};
use portcullis_core::{Rejection, RejectionKind};

use crate::engine::{Coding, Decoding};

/// How far bodies are decoded, if they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes: Option<u64>,
    pub(super) ratio: u64,
}

// ===== impl Limits =====

impl Limits {
    /// Bodies are passed on as they are sent.
    pub(super) const OFF: Self = Self {
        bytes: None,
        ratio: DEFAULT_RATIO,
    };

    /// Has a body decoded that is encoded. Returns `true` if it is.
    pub(super) fn apply(&self, head: &mut request::Parts) -> Result<bool, Rejection> {
        let Some(limit) = self.bytes else {
            return Ok(false);
        };
        let Some(coding) = coding(&head.headers)? else {
            return Ok(false);
        };
        head.headers.remove(CONTENT_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
        head.extensions.insert(Decoding {
            coding,
            limit,
            ratio: self.ratio,
        });
        Ok(true)
    }
}

/// Returns the one coding of a body, or none.
fn coding(headers: &HeaderMap) -> Result<Option<Coding>, Rejection> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut names = names
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"));
    let Some(name) = names.next() else {
        return Ok(None);
    };
    match Coding::parse(name) {
        Some(coding) if names.next().is_none() => Ok(Some(coding)),
        _ => {
            let rejection =
                Rejection::new(RejectionKind::UnsupportedMediaType).with_layer("body_limit");
            let rejection =
                rejection.with_detail("the body has a coding that is not decoded, or two");
            Err(rejection.with_header(ACCEPT_ENCODING, KNOWN))
        }
    }
}

/// How many bytes may be decoded for each that is sent, unless told otherwise. Text shrinks to a third
/// or a tenth, and what repeats itself to a fiftieth; the most that gzip can do is a thousandth, which
/// is what bombs do.
pub const DEFAULT_RATIO: u64 = 100;

const KNOWN: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");
