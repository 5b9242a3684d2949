use std::{cell::OnceCell, fmt};

use http::{Method, request};
use portcullis_core::{Facts, Paths, RequestPath};

use super::key_by;
use crate::networks::Networks;

/// Which requests a policy counts: all, unless told otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) paths: Paths,
    pub(super) exempt_paths: Paths,
    pub(super) exempt_methods: Vec<Method>,
    pub(super) exempt_networks: Networks,
}

// ===== impl Scope =====

impl Scope {
    /// Whether every request is counted.
    pub(super) const fn is_everything(&self) -> bool {
        self.paths.is_empty()
            && self.exempt_paths.is_empty()
            && self.exempt_methods.is_empty()
            && self.exempt_networks.is_empty()
    }

    /// Whether a request is counted. Its path is resolved once for all scopes.
    #[inline]
    pub(super) fn contains<'h>(
        &self,
        head: &'h request::Parts,
        path: &OnceCell<RequestPath<'h>>,
    ) -> bool {
        self.is_everything() || self.contains_path(head, path.get_or_init(|| RequestPath::of(head)))
    }

    fn contains_path(&self, head: &request::Parts, path: &RequestPath<'_>) -> bool {
        let is_restricted = self.paths.is_empty() || self.paths.could_match(path);
        is_restricted
            && !self.exempt_methods.contains(&head.method)
            && !self.exempt_paths.surely_matches(path)
            && !self.is_exempt_address(head)
    }

    fn is_exempt_address(&self, head: &request::Parts) -> bool {
        let client = key_by::client(Facts::of(&head.extensions));
        client.is_some_and(|ip| self.exempt_networks.contains(ip))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = |what: &str, items: Vec<String>| {
            if items.is_empty() {
                return Ok(());
            }
            write!(f, "; {what} {}", items.join(", "))
        };
        list("on", self.paths.iter().map(str::to_owned).collect())?;
        let networks = self.exempt_networks.iter().map(ToString::to_string);
        let methods = self.exempt_methods.iter().map(ToString::to_string);
        let paths = self.exempt_paths.iter().map(str::to_owned);
        list("except", networks.chain(methods).chain(paths).collect())
    }
}
