use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, request, response};

use crate::{Count, Guard, Need, Paths, Reply, RequestPath, Verdict};

/// Which requests are open to everybody.
///
/// See [`Paths`] for how requests are written, and compared.
#[derive(Clone, Debug)]
pub struct Public(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// What surely is one of these.
    Only(Paths),
    /// What could not be one of these.
    AllBut(Paths),
}

/// A guard that is asked about everything that is not [`Public`].
#[derive(Clone, Debug)]
pub struct UnlessPublic<G> {
    public: Public,
    guard: G,
}

// ===== impl Public =====

impl Public {
    /// Opens these requests, and no others.
    #[must_use]
    pub const fn only(paths: Paths) -> Self {
        Self(Kind::Only(paths))
    }

    /// Opens everything but these requests. An empty list opens nothing: it was forgotten.
    #[must_use]
    pub fn all_but(closed: Paths) -> Self {
        if closed.is_empty() {
            Self::default()
        } else {
            Self(Kind::AllBut(closed))
        }
    }

    /// Returns `true` if a request is open.
    #[must_use]
    pub fn contains(&self, request: &RequestPath<'_>) -> bool {
        match &self.0 {
            Kind::Only(open) => open.surely_matches(request),
            Kind::AllBut(closed) => !closed.could_match(request),
        }
    }

    /// Returns `true` if nothing is open.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(&self.0, Kind::Only(open) if open.is_empty())
    }
}

/// Nothing is public.
impl Default for Public {
    fn default() -> Self {
        Self::only(Paths::default())
    }
}

/// For people: `public: /page, /assets/*`, or `closed: /admin/*`.
impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, paths) = match &self.0 {
            Kind::Only(open) => ("public", open),
            Kind::AllBut(closed) => ("closed", closed),
        };
        write!(f, "{what}: {}", paths.iter().collect::<Vec<_>>().join(", "))
    }
}

// ===== impl UnlessPublic =====

impl<G> UnlessPublic<G> {
    /// Creates a guard that is asked about what is not public.
    pub const fn new(public: Public, guard: G) -> Self {
        Self { public, guard }
    }

    /// Replaces what is public.
    #[must_use]
    pub fn with_public(mut self, public: Public) -> Self {
        self.public = public;
        self
    }
}

impl<G: Guard> Guard for UnlessPublic<G> {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if !self.public.is_empty() && self.public.contains(&RequestPath::of(head)) {
            self.guard.skip(head);
            Verdict::Admit
        } else {
            self.guard.admit(head, reply)
        }
    }

    fn skip(&self, head: &mut request::Parts) {
        self.guard.skip(head);
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        self.guard.complete(reply, head);
    }

    fn defaults(&self) -> HeaderMap {
        self.guard.defaults()
    }

    fn yields(&self) -> Vec<(HeaderName, Vec<HeaderName>)> {
        self.guard.yields()
    }

    fn strips(&self) -> Vec<HeaderName> {
        self.guard.strips()
    }

    fn writes(&self) -> Vec<HeaderName> {
        self.guard.writes()
    }

    fn is_on(&self) -> bool {
        self.guard.is_on()
    }

    fn describe(&self) -> String {
        let guard = self.guard.describe();
        if self.public.is_empty() {
            guard
        } else {
            format!("{guard}; {}", self.public)
        }
    }

    fn needs(&self) -> &'static [Need] {
        self.guard.needs()
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        self.guard.challenges()
    }

    fn counts(&self) -> Vec<Count> {
        self.guard.counts()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn is_open(public: &Public, method: &Method, path: &str) -> bool {
        public.contains(&RequestPath::new(method, path))
    }

    #[test]
    fn what_is_public_is_the_request_itself_and_nothing_else() {
        let public = Public::only(Paths::parse(["GET /", "/assets/*"]).unwrap());

        assert!(
            is_open(&public, &Method::GET, "/") && is_open(&public, &Method::POST, "/assets/a")
        );
        assert!(!is_open(&public, &Method::POST, "/"));
        for path in ["/assets", "/assets/../admin", "/assets/%2e%2e/admin", "//"] {
            assert!(!is_open(&public, &Method::GET, path), "{path}");
        }
    }

    #[test]
    fn what_is_closed_is_closed_however_it_is_written() {
        let public = Public::all_but(Paths::parse(["/admin/*", "POST /users"]).unwrap());

        for path in ["/admin", "/admin/x", "//admin", "/%61dmin/x", "/x/../admin"] {
            assert!(!is_open(&public, &Method::GET, path), "{path}");
        }
        assert!(is_open(&public, &Method::GET, "/") && is_open(&public, &Method::GET, "/users"));
        assert!(!is_open(&public, &Method::POST, "/users"));
        let forgotten = Public::all_but(Paths::default());
        assert!(!is_open(&forgotten, &Method::GET, "/"));
    }
}
