use http::Method;

use super::request::RequestPath;

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
            && (self.matches(request.as_str()) || request.readings_any(|path| self.resembles(path)))
    }

    /// Of a request that can be read in one way only.
    pub(super) fn surely_matches(&self, request: &RequestPath<'_>) -> bool {
        let is_method = |own: &Method| own == request.method();
        // Routers differ in whether an empty segment is one.
        let is_whole = self.is_prefix || !request.as_str().ends_with('/');
        self.method.as_ref().is_none_or(is_method)
            && (is_whole || !matches!(self.segments.last(), Some(Segment::Parameter)))
            && self.matches(request.as_str())
    }

    /// Segment by segment. Below a prefix there is at least one more.
    fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut there = path.split('/');
        starts(self.segments.iter(), &mut there) && there.next().is_some() == self.is_prefix
    }

    /// Without empty segments.
    fn resembles(&self, path: &str) -> bool {
        let own = self.segments.iter().filter(|own| !own.is_empty());
        let mut there = path.split('/').filter(|segment| !segment.is_empty());
        starts(own, &mut there) && (self.is_prefix || there.next().is_none())
    }
}

fn starts<'a>(
    own: impl Iterator<Item = &'a Segment>,
    there: &mut impl Iterator<Item = &'a str>,
) -> bool {
    for segment in own {
        if !there.next().is_some_and(|name| segment.is(name)) {
            return false;
        }
    }
    true
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

    fn is(&self, there: &str) -> bool {
        match self {
            Self::Name(name) => **name == *there,
            Self::Parameter => true,
        }
    }
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
