//! What an engine takes out of a reply.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::Entry, response};
use smallvec::SmallVec;

use super::{
    BodyCheck, BodyReader, Holding, OnEnd, Reply,
    reply::{Field, Mode, Written},
};
use crate::Scope;

// ===== impl Reply =====

impl Reply {
    /// Returns `true` if there is something to do at the end.
    #[must_use]
    pub const fn has_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Takes out what is to be done at the end.
    pub fn take_ends(&mut self) -> Vec<OnEnd> {
        std::mem::take(&mut self.ends)
    }

    /// Returns `true` if there is a scope to run the application in.
    #[must_use]
    #[inline]
    pub fn has_scopes(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// Returns `true` if log lines are to have the request's ID, and have not got it yet.
    #[must_use]
    #[inline]
    pub const fn opens_span(&self) -> bool {
        self.opens_span
    }

    /// Takes out whether log lines are to have the request's ID.
    pub const fn take_opens_span(&mut self) -> bool {
        std::mem::replace(&mut self.opens_span, false)
    }

    /// Takes out the scopes to run the application in, outermost first.
    #[inline]
    pub fn take_scopes(&mut self) -> SmallVec<[Scope; 2]> {
        std::mem::take(&mut self.scopes)
    }

    /// Puts scopes back, above those that were added since.
    #[inline]
    pub fn put_scopes(&mut self, mut scopes: SmallVec<[Scope; 2]>) {
        if !self.scopes.is_empty() {
            scopes.append(&mut self.scopes);
        }
        self.scopes = scopes;
    }

    /// Returns `true` if a guard wants the request's body read.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        self.reader.is_some()
    }

    /// Returns `true` if a guard checks the request's body.
    #[must_use]
    #[inline]
    pub const fn checks_body(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Takes out what checks the request's body.
    pub fn take_checks(&mut self) -> Vec<Box<dyn BodyCheck>> {
        std::mem::take(&mut self.checks)
    }

    /// Takes out what reads the request's body.
    pub fn take_reader(&mut self) -> Option<BodyReader> {
        self.reader.take()
    }

    /// Takes out what is held.
    pub fn take_held(&mut self) -> Holding {
        std::mem::take(&mut self.held)
    }

    /// Notifies what is held of the response's head.
    #[inline]
    pub fn tell_head(&mut self, head: &response::Parts) {
        self.held.on_head(head);
    }

    /// Returns `true` if something is held.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Returns the value of a field that was [written](Self::write), if that field has this name.
    #[inline]
    pub fn written(&mut self, at: usize, name: &HeaderName) -> Option<HeaderValue> {
        let written = self
            .written
            .get(at)
            .filter(|written| written.name == *name)?;
        let range = written.value.clone();
        self.value(range)
    }

    /// Adds the fields to a response, but for so many of those that were written first.
    #[inline]
    pub fn apply(&mut self, headers: &mut HeaderMap, filled: usize) {
        for at in filled..self.written.len() {
            let Written { name, value } = &self.written[at];
            let (name, value) = (name.clone(), value.clone());
            let is_first = self.written[..at].iter().all(|other| other.name != name);
            match self.value(value) {
                Some(value) if is_first => drop(headers.insert(name, value)),
                Some(value) => drop(headers.append(name, value)),
                None => {}
            }
        }
        for field in &self.fields {
            field.apply(headers);
        }
    }

    /// One allocation for the text and its count of references.
    #[inline]
    fn value(&mut self, range: Range<u16>) -> Option<HeaderValue> {
        let text = &mut self.text;
        let text = self
            .shared
            .get_or_insert_with(|| Bytes::from_owner(std::mem::take(text)));
        let value = text.slice(usize::from(range.start)..usize::from(range.end));
        HeaderValue::from_maybe_shared(value).ok()
    }
}

// ===== impl Field =====

impl Field {
    fn apply(&self, headers: &mut HeaderMap) {
        let value = self.value.clone();
        match self.mode {
            Mode::Replaced => drop(headers.insert(&self.name, value)),
            Mode::Joined => drop(headers.append(&self.name, value)),
            Mode::Kept => {
                if let Entry::Vacant(free) = headers.entry(&self.name) {
                    free.insert(value);
                }
            }
            Mode::Later => {}
        }
    }
}
