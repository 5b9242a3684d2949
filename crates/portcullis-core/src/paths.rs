use std::{borrow::Cow, sync::Arc};

use http::Method;
use percent_encoding::percent_decode_str;

/// Requests by path and method: `/login`, `/api/*`, `POST /users`, `POST /api/*`.
///
/// `/*` at the end stands for everything below. A path is compared as the most lenient server would
/// read it: percent-encoding undone, dot segments resolved, empty segments and path parameters left
/// out. It is the path that the layer gets: a router that is nested has taken its prefix off already.
/// `/login`, `/login/`, `//login`, `/%6cogin` and `/x/../login;a=b` are one path.
#[derive(Clone, Debug, Default)]
pub struct Paths(Option<Arc<[Pattern]>>);

#[derive(Debug)]
struct Pattern {
    text: Box<str>,
    method: Option<Method>,
    segments: Box<[Box<str>]>,
    is_prefix: bool,
}

// ===== impl Paths =====

impl Paths {
    /// Parses patterns.
    ///
    /// # Errors
    ///
    /// Returns every pattern without a path, and every word before a path that is no method.
    pub fn parse<'a>(
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, crate::ConfigError> {
        let (good, bad): (Vec<_>, Vec<_>) = patterns
            .into_iter()
            .map(Pattern::parse)
            .partition(Result::is_ok);
        crate::ConfigError::check(bad.into_iter().filter_map(Result::err).collect())?;
        let patterns: Arc<[_]> = good.into_iter().flatten().collect();
        Ok(Self(Some(patterns).filter(|all| !all.is_empty())))
    }

    /// Returns `true` if there is no pattern.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns `true` if one of the patterns stands for this request.
    #[must_use]
    #[inline]
    pub fn contains(&self, method: &Method, path: &str) -> bool {
        match &self.0 {
            None => false,
            Some(patterns) => any(patterns, method, path),
        }
    }

    /// Returns the patterns, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let patterns = self.0.iter().flat_map(|patterns| patterns.iter());
        patterns.map(|pattern| &*pattern.text)
    }
}

fn any(patterns: &[Pattern], method: &Method, path: &str) -> bool {
    let path = plain(path);
    patterns.iter().any(|pattern| pattern.is(method, &path))
}

// ===== impl Pattern =====

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (Some(method), path.trim_start()),
            None => (None, text),
        };
        if !path.starts_with('/') {
            return Err(format!("path {text:?}: does not start with a slash"));
        }
        let method = method.map(|word| method_of(word).ok_or(word)).transpose();
        let method =
            method.map_err(|word| format!("path {text:?}: {word:?} is not an HTTP method"))?;
        let (path, is_prefix) = match path.strip_suffix("/*") {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        Ok(Self {
            text: text.into(),
            method,
            segments: segments(&plain(path)).map(Into::into).collect(),
            is_prefix,
        })
    }

    fn is(&self, method: &Method, path: &str) -> bool {
        let mut there = segments(path);
        let starts = self.segments.iter().all(|own| there.next() == Some(own));
        starts
            && (self.is_prefix || there.next().is_none())
            && self.method.as_ref().is_none_or(|own| own == method)
    }
}

/// Methods are upper case here, so that a typing error is no extension.
fn method_of(word: &str) -> Option<Method> {
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_word.then(|| word.parse().ok()).flatten()
}

/// The path without what servers may read in different ways. Borrows the usual path.
fn plain(path: &str) -> Cow<'_, str> {
    let is_strange = |byte: u8| matches!(byte, b'%' | b';' | b'\\');
    if path.bytes().any(is_strange) || path.contains("/.") {
        Cow::Owned(resolved(path))
    } else {
        Cow::Borrowed(path)
    }
}

#[cold]
fn resolved(path: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    // Parameters are cut before decoding: an encoded `;` is part of a name.
    let named = path.split('/').map(|segment| segment.split(';').next());
    let decoded: Vec<_> = named
        .flatten()
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    for segment in decoded.join("/").split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name.to_owned()),
        }
    }
    kept.join("/")
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(pattern: &str, path: &str) -> bool {
        Paths::parse([pattern])
            .unwrap()
            .contains(&Method::GET, path)
    }

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        let same = [
            "/login",
            "/login/",
            "//login",
            "/%6cogin",
            "/%6Cogin",
            "/./login",
            "/x/../login",
            "/login;a=b",
            "/x/%2e%2e/login",
            "\\login",
            "/../login",
        ];
        for path in same {
            assert!(contains("/login", path), "{path}");
        }
        for path in [
            "/", "/logi", "/loginx", "/login/x", "/Login", "/x/login", "",
        ] {
            assert!(!contains("/login", path), "{path}");
        }
    }

    #[test]
    fn a_prefix_is_everything_below_it() {
        for path in ["/api", "/api/", "/api/a/b", "/api/%61", "//api//x"] {
            assert!(contains("/api/*", path), "{path}");
        }
        assert!(!contains("/api/*", "/apix") && !contains("/api/*", "/api/../x"));
        assert!(contains("/*", "/") && contains("/*", "/a"));
        assert!(contains("/", "/") && !contains("/", "/a"));
    }

    #[test]
    fn a_method_narrows_a_pattern() {
        let paths = Paths::parse(["POST /users"]).unwrap();

        assert!(paths.contains(&Method::POST, "/users"));
        assert!(!paths.contains(&Method::GET, "/users"));
        assert_eq!(paths.iter().collect::<Vec<_>>(), ["POST /users"]);
    }

    #[test]
    fn says_everything_that_is_wrong() {
        let error = Paths::parse(["login", "post /x", "/fine"]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "path \"login\": does not start with a slash; path \"post /x\": \"post\" is not an HTTP method"
        );
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".*") {
            contains("/a/*", &path);
        }

        #[test]
        fn encoding_a_path_changes_nothing(name in "[a-z]{1,8}") {
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let (pattern, path) = (format!("/{name}"), format!("/{encoded}"));
            prop_assert!(contains(&pattern, &path));
        }
    }
}
