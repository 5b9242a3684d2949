use std::{fmt, ops::Range};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body::SizeHint;
use smallvec::SmallVec;

use super::{BodyCheck, BodyReader, Ended, Holding, OnEnd, Permit};
use crate::Scope;

/// What the response to a request must carry, whoever makes it.
///
/// Guards write into it when they judge the request. It is on the response of the application, on a
/// refusal of a guard below, on the 503 of the deadline and the 500 of a panic alike.
#[derive(Default)]
pub struct Reply {
    /// Fields whose values are in `text`.
    pub(super) written: SmallVec<[Written; 3]>,
    pub(super) text: SmallVec<[u8; 128]>,
    /// The text as one allocation, which the values share.
    pub(super) shared: Option<Bytes>,
    pub(super) fields: Vec<Field>,
    pub(super) held: Holding,
    pub(super) ends: Vec<OnEnd>,
    pub(super) scopes: SmallVec<[Scope; 2]>,
    pub(super) opens_span: bool,
    body_size: SizeHint,
    body_limit: Option<u64>,
    pub(super) reader: Option<BodyReader>,
    pub(super) checks: Vec<Box<dyn BodyCheck>>,
}

pub(super) struct Written {
    pub(super) name: HeaderName,
    pub(super) value: Range<u16>,
}

pub(super) struct Field {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) mode: Mode,
}

/// What becomes of a value that the response has already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Replaced,
    Kept,
    /// Both are there.
    Joined,
    /// The guard sets it when it completes the response, if it does.
    Later,
}

// ===== impl Reply =====

impl Reply {
    /// Creates a reply without fields, to a request whose body has this size.
    #[must_use]
    #[inline]
    pub fn new(body_size: SizeHint) -> Self {
        Self {
            body_size,
            ..Self::default()
        }
    }

    /// Returns what is known of the length of the request's body.
    #[must_use]
    pub const fn body_size(&self) -> &SizeHint {
        &self.body_size
    }

    /// Sets a field of the response. It takes the place of what the application set.
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, Mode::Replaced);
    }

    /// Adds a line to a field of the response that is a list, such as `Vary`.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, Mode::Joined);
    }

    /// Sets a field of the response, unless the application, or the edge's profile of headers, sets it.
    pub fn insert_default(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, Mode::Kept);
    }

    /// Keeps a value for [`Guard::complete`](super::Guard::complete), which may set it when it knows
    /// the response. The response does not get it by itself.
    pub fn keep(&mut self, name: HeaderName, value: HeaderValue) {
        self.push(name, value, Mode::Later);
    }

    /// Returns the first value that was [kept](Self::keep) for a field.
    #[must_use]
    pub fn kept(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut kept = self.fields.iter().filter(|field| field.mode == Mode::Later);
        let found = kept.find(|field| field.name == *name)?;
        Some(&found.value)
    }

    fn push(&mut self, name: HeaderName, value: HeaderValue, mode: Mode) {
        self.fields.push(Field { name, value, mode });
    }

    /// Sets a field of the response, from text. A field that several guards write has a line of
    /// each: a list, such as `RateLimit`.
    ///
    /// The values of all fields that are written share one allocation, of at most 64 KiB. A value
    /// that does not fit, that has 32 KiB or more, or that is none (RFC 9110, section 5.5) is left
    /// out.
    #[inline]
    pub fn write(&mut self, name: HeaderName, value: &[u8]) {
        let start = self.text.len() as u16;
        let is_value = value.len() < LONGEST && value.trim_ascii().len() == value.len();
        let Some(end) = start.checked_add(value.len() as u16).filter(|_| is_value) else {
            return;
        };
        self.text.extend_from_slice(value);
        self.written.push(Written {
            name,
            value: start..end,
        });
    }

    /// Keeps something until the last byte of the response, or until the exchange ends without one.
    pub fn hold(&mut self, held: impl Send + 'static) {
        self.held.push(held);
    }

    /// Keeps a permit as [`hold`](Self::hold) keeps anything, without an allocation; who handed it out
    /// is told of the response's head as soon as that is there.
    #[inline]
    pub fn hold_permit(&mut self, permit: Permit) {
        self.held.push_permit(permit);
    }

    /// Does something when the exchange has ended: after the last byte, or when the client is gone.
    /// Whoever answers, and exactly once; of guards in an [`AnyOf`](super::AnyOf) only those that do not
    /// reject.
    ///
    /// A layer that leaves bodies alone ends with the response's head: it knows of no bytes but those
    /// that `Content-Length` declares.
    pub fn on_end(&mut self, end: impl FnOnce(&Ended) + Send + 'static) {
        self.ends.push(Box::new(end));
    }

    /// Runs the application, and the guards below, in a scope.
    pub fn enter(&mut self, scope: Option<Scope>) {
        if let Some(scope) = scope {
            self.scopes.push(scope);
        }
    }

    /// Limits the request's body to `bytes`. The lowest limit counts.
    pub fn limit_body(&mut self, bytes: u64) {
        let lower = self.body_limit.map_or(bytes, |limit| limit.min(bytes));
        self.body_limit = Some(lower);
    }

    /// Opens the span `request` for log lines: it has the request's ID, and the trace that observers set.
    /// For the guard that sets the ID.
    pub const fn open_span(&mut self) {
        self.opens_span = true;
    }

    /// Returns how large the request's body may be.
    #[must_use]
    pub const fn body_limit(&self) -> Option<u64> {
        self.body_limit
    }

    /// Checks the request's body while the application reads it. A body that is known to be empty is
    /// checked before the application is called.
    ///
    /// A layer that leaves bodies as they are can't check any: it refuses the request as
    /// [misconfigured](crate::RejectionKind::Misconfigured).
    pub fn check_body(&mut self, check: impl BodyCheck) {
        self.checks.push(Box::new(check));
    }

    /// Reads the request's body, for a guard that [answers](super::Verdict::Answer) the request itself.
    ///
    /// The response does not wait for it: the body is read in a task of its own, for at most 5
    /// seconds, and no further than `limit`. `read` gets all of it if that is at most `limit` bytes,
    /// and `None` if it is more, broke off or took longer. It is dropped without a call where nobody
    /// reads: outside a runtime, where too much is read already, where the request expects a response
    /// first (RFC 9110, section 10.1.1), and for a guard alone that leaves bodies as they are. The
    /// last call counts.
    pub fn read_body(&mut self, limit: usize, read: impl FnOnce(Option<&[u8]>) + Send + 'static) {
        self.reader = Some(BodyReader::new(limit, Box::new(read)));
    }

    /// Returns how many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len() + self.fields.len()
    }

    /// Returns `true` if there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds what another reply has.
    pub(super) fn merge(&mut self, other: Self) {
        for Written { name, value } in other.written {
            let text = &other.text[usize::from(value.start)..usize::from(value.end)];
            self.write(name, text);
        }
        self.fields.extend(other.fields);
        self.held.append(other.held);
        self.ends.extend(other.ends);
        self.scopes.extend(other.scopes);
        self.opens_span |= other.opens_span;
        if let Some(limit) = other.body_limit {
            self.limit_body(limit);
        }
        self.reader = other.reader.or(self.reader.take());
        self.checks.extend(other.checks);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("fields", &self.len())
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

/// Of one field, in bytes.
const LONGEST: usize = 1 << 15;
