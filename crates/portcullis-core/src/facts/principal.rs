use std::sync::Arc;

/// Who sent the request. Set by an authentication guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    id: Arc<str>,
}

impl Principal {
    /// Creates a principal from its identifier.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into() }
    }

    /// The identifier, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}
