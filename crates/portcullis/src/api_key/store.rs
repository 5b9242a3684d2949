use std::{fmt, future::Future, pin::Pin, sync::Arc};

use portcullis_core::BoxError;

use super::{KeyHasher, KeyRecord};

/// Finds what is known about a key id.
///
/// Closures are stores too, at once with `|id: &str| -> Option<KeyRecord>`, or from somebody
/// else with `|id: &str| Lookup::wait(async move { .. })`: put a [`CachedKeys`](super::CachedKeys) in
/// front of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key store",
    note = "use `Keys`, `KeyFile`, implement `KeyStore`, or pass a closure: `|id: &str| -> Option<KeyRecord>` or \
            `|id: &str| Lookup::wait(async move {{ Ok::<Option<KeyRecord>, MyError>(..) }})`"
)]
pub trait KeyStore: Send + Sync + 'static {
    /// Looks an id up. The secret is never given to the store. A principal without a
    /// [key](portcullis_core::Principal::key_id) came with the one of this id.
    fn find(&self, id: &str) -> Lookup;

    /// Returns how the digests in it were made. By SHA-256, unless the store says otherwise.
    fn hasher(&self) -> &KeyHasher {
        &KeyHasher::SHA256
    }
}

/// The answer of a [`KeyStore`].
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Lookup {
    /// What is known, at once.
    Known(Option<KeyRecord>),
    /// Somebody else knows.
    Wait(Waiting),
}

/// What somebody else knows of a key, later.
pub type Waiting = Pin<Box<dyn Future<Output = Result<Option<KeyRecord>, BoxError>> + Send>>;

// ===== impl Lookup =====

impl Lookup {
    /// Returns a look-up that waits for a future.
    pub fn wait<F, E>(lookup: F) -> Self
    where
        F: Future<Output = Result<Option<KeyRecord>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::Wait(Box::pin(async { lookup.await.map_err(Into::into) }))
    }
}

impl From<Option<KeyRecord>> for Lookup {
    fn from(known: Option<KeyRecord>) -> Self {
        Self::Known(known)
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(record) => f.debug_tuple("Known").field(record).finish(),
            Self::Wait(_) => f.debug_struct("Wait").finish_non_exhaustive(),
        }
    }
}

// ===== impl KeyStore =====

impl<F, L> KeyStore for F
where
    F: Fn(&str) -> L + Send + Sync + 'static,
    L: Into<Lookup>,
{
    fn find(&self, id: &str) -> Lookup {
        self(id).into()
    }
}

impl<K: KeyStore + ?Sized> KeyStore for Arc<K> {
    fn find(&self, id: &str) -> Lookup {
        (**self).find(id)
    }

    fn hasher(&self) -> &KeyHasher {
        (**self).hasher()
    }
}
