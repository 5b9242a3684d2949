use std::sync::Arc;

use http::{HeaderMap, HeaderName, request, response};

use crate::{Count, Guard, Need, Reply, Verdict};

/// Paths that are open to everybody: exact ones, and prefixes that end in `/*`.
///
/// A path below a prefix is public only if nothing can read it as another path: no dot segments,
/// no empty ones, no `;`, nothing percent-encoded.
#[derive(Clone, Debug, Default)]
pub struct PublicPaths(Option<Arc<[Box<str>]>>);

/// A guard that is asked about everything but [`PublicPaths`].
#[derive(Clone, Debug)]
pub struct UnlessPublic<G> {
    public: PublicPaths,
    guard: G,
}

// ===== impl PublicPaths =====

impl PublicPaths {
    /// Creates a list of public paths.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let paths: Arc<[Box<str>]> = paths.into_iter().map(Into::into).collect();
        Self(Some(paths).filter(|paths| !paths.is_empty()))
    }

    /// Returns `true` if a path is public.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.iter().any(|public| match public.strip_suffix('*') {
            // `/v*` is no prefix: it would open `/vault` too.
            Some(prefix) if prefix.ends_with('/') => path.starts_with(prefix) && is_plain(path),
            _ => path == public,
        })
    }

    /// Returns the paths, as they were declared.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let paths = self.0.iter();
        paths.flat_map(|paths| paths.iter().map(AsRef::as_ref))
    }
}

// ===== impl UnlessPublic =====

impl<G> UnlessPublic<G> {
    /// Creates a guard that is asked about what is not public.
    pub const fn new(public: PublicPaths, guard: G) -> Self {
        Self { public, guard }
    }

    /// Replaces what is public.
    #[must_use]
    pub fn with_public(mut self, public: PublicPaths) -> Self {
        self.public = public;
        self
    }
}

impl<G: Guard> Guard for UnlessPublic<G> {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if self.public.contains(head.uri.path()) {
            Verdict::Admit
        } else {
            self.guard.admit(head, reply)
        }
    }

    fn complete(&self, reply: &Reply, head: &mut response::Parts) {
        self.guard.complete(reply, head);
    }

    fn defaults(&self) -> HeaderMap {
        self.guard.defaults()
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
        let public: Vec<_> = self.public.iter().collect();
        let guard = self.guard.describe();
        if public.is_empty() {
            guard
        } else {
            format!("{guard}; public: {}", public.join(", "))
        }
    }

    fn needs(&self) -> &'static [Need] {
        self.guard.needs()
    }

    fn counts(&self) -> Vec<Count> {
        self.guard.counts()
    }
}

/// Whether a path means what it says: nothing below may read it as another one.
fn is_plain(path: &str) -> bool {
    let is_strange = |c: char| matches!(c, '%' | '\\' | ';');
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    let is_empty_inside = path.contains("//");
    !(path.contains(is_strange) || is_empty_inside || path.split('/').any(is_dots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_itself_and_nothing_else() {
        let public = PublicPaths::new(["/", "/page.js"]);

        assert!(public.contains("/") && public.contains("/page.js"));
        let others = [
            "/page.js/",
            "//",
            "/page.j",
            "/PAGE.JS",
            "/page.js;x",
            "/%70age.js",
            "*",
            "",
        ];
        for closed in others {
            assert!(!public.contains(closed), "{closed}");
        }
    }

    #[test]
    fn a_star_stands_only_after_a_slash() {
        let public = PublicPaths::new(["/v*"]);

        assert!(!public.contains("/vault") && !public.contains("/v"));
    }

    #[test]
    fn a_prefix_is_all_below_it_and_no_way_out() {
        let public = PublicPaths::new(["/assets/*"]);

        assert!(public.contains("/assets/") && public.contains("/assets/a/b.js"));
        let outside = [
            "/assets",
            "/assetsx",
            "/assets/../admin",
            "/assets/%2e%2e/admin",
            "/assets/./a",
            "/assets//a",
            "/assets/..",
            "/assets/..\\admin",
            "/assets/a;b",
        ];
        for closed in outside {
            assert!(!public.contains(closed), "{closed}");
        }
    }
}
