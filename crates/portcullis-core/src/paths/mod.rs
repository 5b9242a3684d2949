use std::sync::Arc;

use crate::ConfigError;

mod pattern;
mod request;
#[cfg(test)]
mod tests;

use self::pattern::Pattern;
pub use self::request::RequestPath;

/// Requests by method and path: `/login`, `POST /users/{id}`, `/assets/*`.
///
/// | written | stands for |
/// |---|---|
/// | `/login` | one path |
/// | `/users/{id}` | any one segment in that place |
/// | `/assets/*` | everything below |
/// | `GET /search` | one method; without one, all |
///
/// A name is made of letters, digits and any of ``- . _ ~ ! $ & ' ( ) + , : = @``. What an address could say
/// in other ways (`%`, `;`, `\`, `.` and `..`, an empty segment) is no name: use a parameter.
///
/// # Two readings
///
/// Servers read one path in different ways: they undo percent-encoding, resolve dot segments, leave
/// out empty segments and path parameters, or do some of this, in one order or another.
///
/// - [`could_match`](Self::could_match) is for patterns that restrict: one way to read the request is
///   enough. A path with dot segments or backslashes, written out or encoded, could be any path:
///   clients resolve them before they send (RFC 3986, section 5.2.4). `GET` covers `HEAD`, which is
///   served by the same handler (RFC 9110, section 9.3.2).
/// - [`surely_matches`](Self::surely_matches) is for patterns that exempt or open: there must be no
///   other way to read it, and the method is the one that is written.
///
/// It is the path that the client asked for, where the router says it: see [`RequestPath::of`].
#[derive(Clone, Debug, Default)]
pub struct Paths(Option<Arc<[Pattern]>>);

// ===== impl Paths =====

impl Paths {
    /// Parses patterns.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with each of them.
    pub fn parse(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let parsed = patterns
            .into_iter()
            .map(|text| Pattern::parse(text.as_ref()));
        let (good, bad): (Vec<_>, Vec<_>) = parsed.partition(Result::is_ok);
        ConfigError::check(bad.into_iter().filter_map(Result::err).collect())?;
        let patterns: Arc<[_]> = good.into_iter().flatten().collect();
        Ok(Self(Some(patterns).filter(|all| !all.is_empty())))
    }

    /// Returns `true` if there is no pattern.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns `true` if some server could read a request as one of these.
    #[must_use]
    pub fn could_match(&self, request: &RequestPath<'_>) -> bool {
        self.patterns().any(|pattern| pattern.could_match(request))
    }

    /// Returns `true` if every server reads a request as one of these.
    #[must_use]
    pub fn surely_matches(&self, request: &RequestPath<'_>) -> bool {
        self.patterns()
            .any(|pattern| pattern.surely_matches(request))
    }

    /// Returns the patterns, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns().map(Pattern::as_str)
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().flat_map(|patterns| patterns.iter())
    }
}
