use std::borrow::Cow;

use http::{Method, request};
use percent_encoding::percent_decode_str;

use super::pattern::is_plain;
use crate::Facts;

/// What a request asks for, in each way that a server may read it.
#[derive(Clone, Debug)]
pub struct RequestPath<'a> {
    method: &'a Method,
    written: &'a str,
    meaning: Meaning,
}

#[derive(Clone, Debug)]
enum Meaning {
    /// Nothing reads it as another one.
    Plain,
    /// Some read it as this one: decoded, without dot segments, parameters and empty segments.
    Resolved(String),
    /// Nobody writes such a path. It could be any.
    TooLong,
}

// ===== impl RequestPath =====

impl<'a> RequestPath<'a> {
    /// Returns the path that the client asked for, wherever the request is on its way: a router
    /// that is nested takes its prefix off, and an edge knows where the router leaves the whole.
    #[must_use]
    pub fn of(head: &'a request::Parts) -> Self {
        let original = Facts::of(&head.extensions).original_uri(&head.extensions);
        Self::new(&head.method, original.unwrap_or(&head.uri).path())
    }

    /// Reads a path. Does so once, in time proportional to its length.
    #[must_use]
    pub fn new(method: &'a Method, path: &'a str) -> Self {
        let meaning = if has_one_meaning(path) {
            Meaning::Plain
        } else if path.len() > LONGEST {
            Meaning::TooLong
        } else {
            Meaning::Resolved(resolved(path))
        };
        Self {
            method,
            written: path,
            meaning,
        }
    }

    /// Returns the method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        self.method
    }

    /// Returns the path, as it was written.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        self.written
    }

    /// Returns `true` if there is one way to read the path.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.meaning, Meaning::Plain)
    }

    /// Whether this is true of some way to read the path.
    pub(super) fn readings_any(&self, is: impl Fn(&str) -> bool) -> bool {
        match &self.meaning {
            Meaning::Plain => is(self.written),
            Meaning::Resolved(path) => is(self.written) || is(path),
            Meaning::TooLong => true,
        }
    }
}

/// An empty segment is one at the end only.
fn has_one_meaning(path: &str) -> bool {
    let Some(names) = path.strip_prefix('/') else {
        return false;
    };
    let mut segments = names.split('/');
    let last = segments.next_back().unwrap_or_default();
    let is_usual = |segment: &str| !matches!(segment, "." | "..") && segment.chars().all(is_plain);
    is_usual(last) && segments.all(|segment| !segment.is_empty() && is_usual(segment))
}

#[cold]
fn resolved(path: &str) -> String {
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    // Parameters are cut before decoding: an encoded `;` is part of a name.
    let names = path
        .split('/')
        .filter_map(|segment| segment.split(';').next());
    for decoded in names.map(|name| percent_decode_str(name).decode_utf8_lossy()) {
        match &*decoded {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name if name.contains(['/', '\\']) => resolve_inside(name, &mut kept),
            _ => kept.push(decoded),
        }
    }
    kept.join("/")
}

/// A slash that was encoded, or written the other way round.
fn resolve_inside(name: &str, kept: &mut Vec<Cow<'_, str>>) {
    for name in name.split(['/', '\\']) {
        match name {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name.to_owned().into()),
        }
    }
}

/// Longer paths with something to resolve are not looked at. In bytes.
const LONGEST: usize = 4096;
