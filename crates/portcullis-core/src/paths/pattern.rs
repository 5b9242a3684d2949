use http::Method;

use super::request::{Meaning, Path, RequestPath, cut, decoded};

/// One pattern of [`Paths`](super::Paths).
#[derive(Debug)]
pub(super) struct Pattern {
    text: Box<str>,
    method: Option<Method>,
    /// Between slashes. The last may be empty.
    segments: Box<[Segment]>,
    is_prefix: bool,
}

#[derive(Debug)]
enum Segment {
    Name(Box<str>),
    Parameter,
}

// ===== impl Pattern =====

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let problem = |problem: String| format!("path {text:?}: {problem}");
        let (method, path) = match text.split_once(' ') {
            Some((word, path)) => (Some(method(word).map_err(problem)?), path),
            None => (None, text),
        };
        let Some(path) = path.strip_prefix('/') else {
            return Err(problem("does not start with a slash".to_owned()));
        };
        let (names, is_prefix) = match path.strip_suffix('*') {
            Some("") => (None, true),
            Some(prefix) if prefix.ends_with('/') => (prefix.strip_suffix('/'), true),
            _ => (Some(path), false),
        };
        let names: Vec<_> = names
            .into_iter()
            .flat_map(|names| names.split('/'))
            .collect();
        let inside = names.len() - usize::from(!is_prefix && !names.is_empty());
        if names[..inside].contains(&"") {
            return Err(problem("has an empty segment".to_owned()));
        }
        if names.len() > MOST_SEGMENTS {
            return Err(problem(format!("has more than {MOST_SEGMENTS} segments")));
        }
        let segments = names.into_iter().map(Segment::parse);
        Ok(Self {
            text: text.into(),
            method,
            segments: segments.collect::<Result<_, _>>().map_err(problem)?,
            is_prefix,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn could_match(&self, request: &RequestPath<'_>) -> bool {
        let asked = request.method();
        // A HEAD is served where a GET is.
        let is_method =
            |own: &Method| own == asked || (own == Method::GET && asked == Method::HEAD);
        self.method.as_ref().is_none_or(is_method)
            && request.paths().any(|path| match path.meaning() {
                Meaning::One | Meaning::Names => self.resembles(path.as_str()),
                Meaning::Slashes => {
                    let split = path.as_str().replace("%2F", "/").replace("%2f", "/");
                    self.resembles(path.as_str()) || self.resembles(&split)
                }
                Meaning::Any => true,
            })
    }

    pub(super) fn surely_matches(&self, request: &RequestPath<'_>) -> bool {
        let is_method = |own: &Method| own == request.method();
        self.method.as_ref().is_none_or(is_method)
            && request.served_paths().all(|path| self.matches(path))
    }

    /// Segment by segment. Below a prefix there is at least one more.
    fn matches(&self, path: Path<'_>) -> bool {
        let (Meaning::One, Some(names)) = (path.meaning(), path.as_str().strip_prefix('/')) else {
            return false;
        };
        let mut there = names.split('/');
        let is_there = |own: &Segment| there.next().is_some_and(|name| own.is(name));
        self.segments.iter().all(is_there) && there.next().is_some() == self.is_prefix
    }

    /// Whether the segments could be these, some of them left out. Follows every way at once.
    fn resembles(&self, path: &str) -> bool {
        let own = self.segments.iter().filter(|own| !own.is_empty());
        let end = own.clone().count();
        // A bit for each segment that may be next, and one for the end.
        let mut ways: u64 = 1;
        for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
            let next = own
                .clone()
                .enumerate()
                .filter(|(at, _)| ways >> at & 1 == 1);
            let next = next.filter(|(_, own)| own.could_be(segment));
            let forward = next.fold(0, |next, (at, _)| next | 2 << at);
            let stays = if could_be_left_out(segment) {
                ways
            } else if self.is_prefix {
                ways & 1 << end
            } else {
                0
            };
            ways = forward | stays;
        }
        ways >> end & 1 == 1
    }
}

// ===== impl Segment =====

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        if name.is_some_and(is_name) {
            return Ok(Self::Parameter);
        }
        if text.contains(['{', '}', '*']) {
            return Err(
                "a parameter is a whole segment, `{name}`, and a star the last one".to_owned(),
            );
        }
        match text.chars().find(|c| !is_plain(*c)) {
            _ if matches!(text, "." | "..") => Err("has a dot segment".to_owned()),
            Some(other) => Err(format!(
                "{other:?} is read in different ways; use a parameter"
            )),
            None => Ok(Self::Name(text.into())),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Name(name) if name.is_empty())
    }

    /// A parameter has one character at least, unless a router says otherwise.
    fn is(&self, there: &str) -> bool {
        match self {
            Self::Name(name) => **name == *there,
            Self::Parameter => !there.is_empty(),
        }
    }

    /// Decoded, without path parameters, or as it is.
    fn could_be(&self, there: &str) -> bool {
        let Self::Name(name) = self else {
            // axum's router takes an empty segment for one.
            return true;
        };
        **name == *there || is_read_otherwise(there, |other| **name == *other)
    }
}

fn could_be_left_out(segment: &str) -> bool {
    segment.is_empty() || is_read_otherwise(segment, str::is_empty)
}

/// Whether this is true of another way to read a segment.
fn is_read_otherwise(segment: &str, is: impl Fn(&str) -> bool) -> bool {
    if !segment.contains(['%', ';']) {
        return false;
    }
    let decoded = decoded(segment);
    is(cut(segment)) || is(&decoded) || is(cut(&decoded))
}

/// Methods are upper case here, so that a typing error is no extension.
fn method(word: &str) -> Result<Method, String> {
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = is_word.then(|| word.parse().ok()).flatten();
    method.ok_or_else(|| format!("{word:?} is not an HTTP method"))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What stands for itself in a path (RFC 3986, section 3.3), but for what begins path parameters.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()+,:=@".contains(c)
}

/// As many as there are bits for.
const MOST_SEGMENTS: usize = 60;
