use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{Uri, request};
use portcullis_core::Facts;

use super::RouteFrom;

/// A path that a guard answers in place of the application.
#[derive(Clone, Debug)]
pub(crate) struct OwnPath {
    path: Arc<str>,
    route_from: Option<RouteFrom>,
    has_warned: Arc<AtomicBool>,
}

// ===== impl OwnPath =====

impl OwnPath {
    /// Creates a path that is known to be right.
    pub(crate) fn new(path: &'static str) -> Self {
        Self {
            path: path.into(),
            route_from: None,
            has_warned: Arc::default(),
        }
    }

    /// Reads a path: `/`, not followed by another, and then what needs no escape, or escapes (RFC
    /// 3986, section 3.3: `path-absolute`). What begins with `//` is the name of a host.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let is_char = |c: u8| c.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&c);
        let is_absolute = path.starts_with('/') && !path.starts_with("//");
        if !is_absolute || !path.bytes().all(is_char) || !has_whole_escapes(path) {
            return Err(format!("{path:?} is not a path"));
        }
        Ok(Self {
            path: path.into(),
            ..Self::new("")
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.path
    }

    /// Sets where the router leaves the template of the route that matched.
    pub(crate) const fn set_route_from(&mut self, route: Option<RouteFrom>) {
        self.route_from = route;
    }

    /// Returns `true` if a request of the application is for this path.
    #[inline]
    pub(crate) fn matches(&self, uri: &Uri) -> bool {
        uri.path() == &*self.path
    }

    /// Warns once if the application has a route of its own for exactly this path.
    pub(crate) fn warn_of_route(&self, head: &request::Parts) {
        let route = self.route_from.and_then(|route| route(&head.extensions));
        let Some(route) = route.filter(|route| *route == asked(head).path()) else {
            return;
        };
        if !self.has_warned.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                target: "portcullis", route,
                "the application has a route of its own here, which no request reaches: \
                 the edge answers this path itself"
            );
        }
    }
}

/// Returns `true` if two digits follow each percent sign.
fn has_whole_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Returns the URI that the client asked for.
pub(crate) fn asked(head: &request::Parts) -> &Uri {
    let original = Facts::of(&head.extensions).original_uri(&head.extensions);
    original.unwrap_or(&head.uri)
}
