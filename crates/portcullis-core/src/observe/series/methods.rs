use std::{fmt, sync::Arc};

use http::Method;

use super::OTHER;

/// The methods that are told apart; all others are `_OTHER`. Clones share the list.
///
/// By default those of OpenTelemetry's HTTP conventions, which
/// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` replaces.
#[derive(Clone)]
pub struct Methods(Arc<[Box<str>]>);

// ===== impl Methods =====

impl Methods {
    /// Creates a list. Methods are case-sensitive (RFC 9110, section 9.1). Of more than 250 the first
    /// 250 are known.
    #[must_use]
    pub fn new<M: Into<Box<str>>>(methods: impl IntoIterator<Item = M>) -> Self {
        Self(methods.into_iter().take(MOST).map(Into::into).collect())
    }

    /// Returns the place of a method in the list, or the place after the last.
    #[inline]
    pub(super) fn place(&self, method: &Method) -> u8 {
        let method = method.as_str();
        let place = self.0.iter().position(|known| **known == *method);
        // No list is longer than 250.
        place.unwrap_or(self.0.len()) as u8
    }

    pub(super) fn name(&self, place: u8) -> &str {
        self.0.get(usize::from(place)).map_or(OTHER, |name| name)
    }

    /// Returns the place of those that are not told apart.
    pub(super) fn others(&self) -> u8 {
        self.0.len() as u8
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self::new(crate::observe::method::KNOWN)
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

const MOST: usize = 250;
