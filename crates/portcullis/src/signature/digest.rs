//! Digests of bodies (RFC 9530).

use std::task::{Context, Poll};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, request};
use portcullis_core::{
    AuthScheme, BodyCheck, Cause, Guard, Reason, Rejection, RejectionKind, Reply, Verdict,
};
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::component::CONTENT_DIGEST;
use crate::engine::Alone;

/// The digests that a request has of its body, of algorithms that are known.
pub(super) struct Digests {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

/// Computes digests while a body is read.
struct DigestCheck {
    expected: Digests,
    sha256: Sha256,
    sha512: Sha512,
    refusal: Rejection,
}

/// Refuses bodies that are not the ones that their `Content-Digest` is of (RFC 9530, section 2).
///
/// For requests that nobody signs: a digest finds what was damaged on the way, and keeps nobody from
/// changing both. A request without a digest passes, unless one is [required](Self::required).
///
/// The digest is of the content as it was sent: `sha-256` and `sha-512` are checked, each that is there,
/// while the body is read. The application gets the last bytes of a body when they are right, and an error
/// in their place when they are not; the client gets 400. RFC 9530 has no status of its own for it. A
/// field that can't be read, or has neither of the two, is refused with 400 at once, and
/// `Want-Content-Digest` says what would do (section 4).
#[derive(Clone, Copy, Debug, Default)]
pub struct ContentDigest {
    is_required: bool,
}

/// Checks digests of bodies. See [`ContentDigest`].
pub type ContentDigestLayer = Alone<ContentDigest>;

// ===== impl ContentDigest =====

impl ContentDigest {
    /// Creates a guard that checks the digests that are there.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses a request that has a body, or may have one, and no digest.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

impl Guard for ContentDigest {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if !head.headers.contains_key(CONTENT_DIGEST) {
            let has_body = reply.body_size().upper() != Some(0);
            return if self.is_required && has_body {
                wanted("a Content-Digest is required").into()
            } else {
                Verdict::Admit
            };
        }
        match Digests::of(&head.headers) {
            Ok(digests) => {
                reply.check_body(digests.check(mismatch()));
                Verdict::Admit
            }
            Err(_) => wanted("the Content-Digest can't be checked").into(),
        }
    }

    fn describe(&self) -> String {
        let required = if self.is_required { ", required" } else { "" };
        format!("digests of bodies{required}")
    }
}

fn mismatch() -> Rejection {
    let cause = Cause::new(AuthScheme::Other, Reason::DigestMismatch);
    Rejection::new(RejectionKind::Malformed)
        .with_layer("content_digest")
        .with_detail("the body is not the one that its Content-Digest is of")
        .with_cause(cause)
}

fn wanted(detail: &'static str) -> Rejection {
    Rejection::new(RejectionKind::Malformed)
        .with_layer("content_digest")
        .with_detail(detail)
        .with_header(WANT_CONTENT_DIGEST, WANTED)
}

// ===== impl Digests =====

impl Digests {
    /// Reads the digests of a body. One at least must be known; each that is known must be whole.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Reason> {
        let lines = headers.get_all(CONTENT_DIGEST).iter();
        let lines: Result<Vec<&str>, _> = lines.map(HeaderValue::to_str).collect();
        let text = lines.map_err(|_| Reason::Malformed)?.join(", ");
        if text.len() > LONGEST {
            return Err(Reason::Malformed);
        }
        let digests: Result<Dictionary, _> = Parser::new(&text).parse();
        let digests = digests.map_err(|_| Reason::Malformed)?;
        let found = Self {
            sha256: digests.get("sha-256").map(bytes).transpose()?,
            sha512: digests.get("sha-512").map(bytes).transpose()?,
        };
        if found.sha256.is_none() && found.sha512.is_none() {
            return Err(Reason::Incomplete);
        }
        Ok(found)
    }

    /// Returns what checks a body, and refuses another.
    pub(super) fn check(self, refusal: Rejection) -> impl BodyCheck {
        DigestCheck {
            expected: self,
            sha256: Sha256::new(),
            sha512: Sha512::new(),
            refusal,
        }
    }
}

// ===== impl DigestCheck =====

impl BodyCheck for DigestCheck {
    fn update(&mut self, bytes: &[u8]) {
        if self.expected.sha256.is_some() {
            self.sha256.update(bytes);
        }
        if self.expected.sha512.is_some() {
            self.sha512.update(bytes);
        }
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let sha256: [u8; 32] = self.sha256.finalize_reset().into();
        let sha512: [u8; 64] = self.sha512.finalize_reset().into();
        let Digests {
            sha256: first,
            sha512: second,
        } = &self.expected;
        let is_right = first.is_none_or(|own| own.ct_eq(&sha256).into())
            && second.is_none_or(|own| own.ct_eq(&sha512).into());
        Poll::Ready(if is_right {
            Ok(())
        } else {
            Err(self.refusal.clone())
        })
    }
}

fn bytes<const N: usize>(entry: &ListEntry) -> Result<[u8; N], Reason> {
    let ListEntry::Item(Item { bare_item, .. }) = entry else {
        return Err(Reason::Malformed);
    };
    let BareItem::ByteSequence(bytes) = bare_item else {
        return Err(Reason::Malformed);
    };
    bytes.as_slice().try_into().map_err(|_| Reason::Malformed)
}

/// Returns the field that has the SHA-256 of a body.
pub(super) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

const WANT_CONTENT_DIGEST: HeaderName = HeaderName::from_static("want-content-digest");
const WANTED: HeaderValue = HeaderValue::from_static("sha-256=10, sha-512=5");
const LONGEST: usize = 1024;
