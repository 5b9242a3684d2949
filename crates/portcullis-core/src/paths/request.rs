use std::borrow::Cow;

use http::{Method, request};
use percent_encoding::percent_decode_str;

use super::pattern::is_plain;
use crate::Facts;

/// What a request asks for, in each way that a server may read it.
#[derive(Clone, Copy, Debug)]
pub struct RequestPath<'a> {
    method: &'a Method,
    asked: Path<'a>,
    /// What a router made of it, if it is another one.
    routed: Option<Path<'a>>,
}

/// One path, and in how many ways it can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a> {
    text: &'a str,
    meaning: Meaning,
}

/// In how many ways a path can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    One,
    /// Some names may be others, or none: they are encoded, have parameters, or are empty.
    Names,
    /// Some slashes may be part of names, too.
    Slashes,
    /// It has dot segments, or backslashes, or is long and has something to decode. It could be any.
    Any,
}

// ===== impl RequestPath =====

impl<'a> RequestPath<'a> {
    /// Returns the path that the client asked for, wherever the request is on its way: a router
    /// that is nested takes its prefix off, and an edge knows where that router leaves the whole.
    ///
    /// Where something else changed the path, a pattern that restricts is compared with both, and one
    /// that exempts must match both.
    #[must_use]
    pub fn of(head: &'a request::Parts) -> Self {
        let routed = head.uri.path();
        let original = Facts::of(&head.extensions).original_uri(&head.extensions);
        let asked = original.unwrap_or(&head.uri).path();
        Self {
            routed: (routed != asked).then(|| Path::new(routed)),
            ..Self::new(&head.method, asked)
        }
    }

    /// Reads a path, in time proportional to its length.
    #[must_use]
    pub fn new(method: &'a Method, path: &'a str) -> Self {
        Self {
            method,
            asked: Path::new(path),
            routed: None,
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
        self.asked.text
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = Path<'a>> {
        [self.asked].into_iter().chain(self.routed)
    }

    /// The path that was asked for, and the one that is served unless it is that without a prefix.
    pub(super) fn served_paths(&self) -> impl Iterator<Item = Path<'a>> {
        let is_shorter = |path: &Path<'_>| path.text == "/" || self.asked.text.ends_with(path.text);
        let routed = self.routed.filter(|path| !is_shorter(path));
        [self.asked].into_iter().chain(routed)
    }
}

// ===== impl Path =====

impl<'a> Path<'a> {
    fn new(text: &'a str) -> Self {
        let meaning = if has_one_meaning(text) {
            Meaning::One
        } else {
            meaning(text)
        };
        Self { text, meaning }
    }

    pub(super) const fn as_str(self) -> &'a str {
        self.text
    }

    pub(super) const fn meaning(self) -> Meaning {
        self.meaning
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
fn meaning(path: &str) -> Meaning {
    if path.len() > LONGEST || path.split('/').any(could_be_dots) {
        return Meaning::Any;
    }
    let has_slash = |code| path.contains(code);
    if has_slash("%2F") || has_slash("%2f") {
        Meaning::Slashes
    } else {
        Meaning::Names
    }
}

/// Whether a segment could be, or contain, a way to another place in the tree.
fn could_be_dots(segment: &str) -> bool {
    let decoded = decoded(segment);
    let is_dots = |name: &str| matches!(name, "." | "..");
    let mut names = decoded.split('/').flat_map(|name| [name, cut(name)]);
    decoded.contains('\\') || names.any(is_dots)
}

pub(super) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// Without path parameters.
pub(super) fn cut(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// Longer paths with something to decode are not looked at. In bytes.
const LONGEST: usize = 4096;
