use std::{collections::HashMap, fmt, sync::Arc};

use super::SignatureKey;

/// Finds the key with an id, at once. The id is what a client sent: at most 256 bytes.
///
/// Closures are stores too: `|id: &str| -> Option<SignatureKey>`. Keys that somebody else has are fetched
/// in the background, and kept in a [`Live`](crate::Live).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find keys of signatures",
    note = "use `SignatureKeys`, implement `SignatureKeyStore`, or pass a closure: \
            `|id: &str| -> Option<SignatureKey>`"
)]
pub trait SignatureKeyStore: Send + Sync + 'static {
    /// Looks an id up.
    fn find(&self, id: &str) -> Option<SignatureKey>;
}

/// Keys that are known at start, by their ids. Clones share them.
#[derive(Clone, Default)]
pub struct SignatureKeys(Arc<HashMap<Box<str>, SignatureKey, foldhash::fast::RandomState>>);

// ===== impl SignatureKeys =====

impl SignatureKeys {
    /// Creates a store without a key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. One with the same id is replaced.
    #[must_use]
    pub fn and(mut self, id: impl Into<Box<str>>, key: SignatureKey) -> Self {
        let id = id.into();
        let key = key.named(&id);
        Arc::make_mut(&mut self.0).insert(id, key);
        self
    }

    /// Returns how many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SignatureKeyStore for SignatureKeys {
    fn find(&self, id: &str) -> Option<SignatureKey> {
        self.0.get(id).cloned()
    }
}

impl fmt::Debug for SignatureKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignatureKeys({})", self.len())
    }
}

// ===== impl SignatureKeyStore =====

impl<F> SignatureKeyStore for F
where
    F: Fn(&str) -> Option<SignatureKey> + Send + Sync + 'static,
{
    fn find(&self, id: &str) -> Option<SignatureKey> {
        self(id)
    }
}

impl<K: SignatureKeyStore + ?Sized> SignatureKeyStore for Arc<K> {
    fn find(&self, id: &str) -> Option<SignatureKey> {
        (**self).find(id)
    }
}
