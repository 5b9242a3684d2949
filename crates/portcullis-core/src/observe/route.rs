use std::{
    collections::HashSet,
    fmt,
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::Live;

/// The template of a route, such as `/users/{id}`: never a path.
///
/// An application has as many as it declares, so each is kept once, for good, and a copy of a route
/// costs nothing. After 16,384 different ones (a framework that passes paths for templates) further
/// ones are `_OTHER`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route(&'static str);

type Known = HashSet<&'static str, foldhash::fast::RandomState>;

static KNOWN: LazyLock<Live<Known>> = LazyLock::new(|| Live::new(Known::default()));
static ADDING: Mutex<()> = Mutex::new(());

// ===== impl Route =====

impl Route {
    /// Returns the route with this template.
    #[must_use]
    #[inline]
    pub fn new(template: &str) -> Self {
        match KNOWN.load().get(template) {
            Some(known) => Self(known),
            None => Self::add(template),
        }
    }

    /// Returns the template.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns a number that no other route has in this process.
    #[must_use]
    pub fn id(self) -> usize {
        self.0.as_ptr().addr()
    }

    #[cold]
    fn add(template: &str) -> Self {
        let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::clone(&KNOWN.get());
        if let Some(known) = known.get(template) {
            return Self(known);
        }
        if known.len() >= MOST {
            return Self(OTHER);
        }
        let kept: &'static str = Box::leak(template.into());
        known.insert(kept);
        KNOWN.store(known);
        Self(kept)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({:?})", self.0)
    }
}

const MOST: usize = 16_384;
const OTHER: &str = "_OTHER";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_kept_once() {
        let (one, same) = (Route::new("/users/{id}"), Route::new("/users/{id}"));

        assert_eq!(one, same);
        assert!(std::ptr::eq(one.as_str(), same.as_str()));
        assert_ne!(one, Route::new("/users"));
    }
}
