use std::sync::Arc;

/// Who sent the request. Set by an authentication guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Inner {
    id: Box<str>,
    key: Option<Box<str>>,
}

// ===== impl Principal =====

impl Principal {
    /// Creates a principal from its identifier.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        let id = id.into();
        Self(Arc::new(Inner { id, key: None }))
    }

    /// Sets with which of its keys the principal came.
    #[must_use]
    pub fn with_key(mut self, id: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).key = Some(id.into());
        self
    }

    /// Returns the identifier, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns the id of the key that the principal came with, safe to log.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.key.as_deref()
    }
}
