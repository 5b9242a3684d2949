use std::sync::Arc;

/// Who sent the request. Set by an authentication guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    id: Arc<str>,
    key: Option<Arc<str>>,
}

impl Principal {
    /// Creates a principal from its identifier.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            key: None,
        }
    }

    /// Says with which of its keys the principal came.
    #[must_use]
    pub fn with_key(mut self, id: impl Into<Arc<str>>) -> Self {
        self.key = Some(id.into());
        self
    }

    /// The identifier, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the key that the principal came with, safe to log.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key.as_deref()
    }
}
