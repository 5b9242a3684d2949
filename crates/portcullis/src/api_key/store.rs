use std::{
    fmt,
    future::{Future, Pending},
    marker::PhantomData,
    sync::Arc,
};

use portcullis_core::{BoxError, Principal};

use super::KeyDigest;

/// Finds what is known about a key id.
///
/// Closures are stores too: `|id: &str| -> Option<KeyRecord>`, or an asynchronous
/// `|id: String| async { Result<Option<KeyRecord>, E> }`. See [`IntoKeyStore`].
pub trait KeyStore {
    /// A lookup that must wait.
    type Future: Future<Output = Result<Option<KeyRecord>, BoxError>>;

    /// Looks an id up. The secret is never given to the store.
    fn find(&self, id: &str) -> Lookup<Self::Future>;
}

/// The answer of a [`KeyStore`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Lookup<F> {
    /// What is known, at once.
    Known(Option<KeyRecord>),
    /// Somebody must be asked.
    Wait(F),
}

/// What a [`KeyStore`] knows about a key.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub(super) digest: KeyDigest,
    pub(super) principal: Principal,
}

/// What can be used as a [`KeyStore`].
///
/// The parameter only tells the compiler which of the three it is; it is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key store",
    note = "use `Keys`, implement `KeyStore`, or pass `|id: &str| -> Option<KeyRecord>` or \
            `|id: String| async move {{ Ok::<Option<KeyRecord>, MyError>(..) }}`"
)]
pub trait IntoKeyStore<Kind> {
    /// The store.
    type Store: KeyStore;

    /// Makes the store.
    fn into_key_store(self) -> Self::Store;
}

/// Marks an implementation of [`KeyStore`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Store;

/// Marks a closure that answers at once.
#[derive(Debug)]
#[non_exhaustive]
pub struct Blocking;

/// Marks a closure that answers with a future.
#[derive(Debug)]
pub struct Waiting<Fut, E>(PhantomData<fn() -> (Fut, E)>);

/// A [`KeyStore`] from a closure that answers at once.
#[derive(Clone, Copy)]
pub struct StoreFn<F>(F);

/// A [`KeyStore`] from a closure that answers with a future.
#[derive(Clone, Copy)]
pub struct WaitingFn<F>(F);

// ===== impl KeyRecord =====

impl KeyRecord {
    /// Creates a record.
    #[must_use]
    pub const fn new(digest: KeyDigest, principal: Principal) -> Self {
        Self { digest, principal }
    }
}

// ===== impl KeyStore =====

impl<K> KeyStore for Arc<K>
where
    K: KeyStore + ?Sized,
{
    type Future = K::Future;

    fn find(&self, id: &str) -> Lookup<Self::Future> {
        (**self).find(id)
    }
}

impl<F> KeyStore for StoreFn<F>
where
    F: Fn(&str) -> Option<KeyRecord>,
{
    type Future = Pending<Result<Option<KeyRecord>, BoxError>>;

    fn find(&self, id: &str) -> Lookup<Self::Future> {
        Lookup::Known(self.0(id))
    }
}

impl<F, Fut, E> KeyStore for WaitingFn<F>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<Option<KeyRecord>, E>>,
    E: Into<BoxError>,
{
    type Future = future::Converted<Fut>;

    fn find(&self, id: &str) -> Lookup<Self::Future> {
        Lookup::Wait(future::Converted::new(self.0(id.to_owned())))
    }
}

// ===== impl IntoKeyStore =====

impl<K: KeyStore> IntoKeyStore<Store> for K {
    type Store = K;

    fn into_key_store(self) -> K {
        self
    }
}

impl<F> IntoKeyStore<Blocking> for F
where
    F: Fn(&str) -> Option<KeyRecord>,
{
    type Store = StoreFn<F>;

    fn into_key_store(self) -> StoreFn<F> {
        StoreFn(self)
    }
}

impl<F, Fut, E> IntoKeyStore<Waiting<Fut, E>> for F
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<Option<KeyRecord>, E>>,
    E: Into<BoxError>,
{
    type Store = WaitingFn<F>;

    fn into_key_store(self) -> WaitingFn<F> {
        WaitingFn(self)
    }
}

// ===== impl Debug =====

impl<F> fmt::Debug for StoreFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFn").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for WaitingFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingFn").finish_non_exhaustive()
    }
}

/// The future of a [`WaitingFn`].
pub(super) mod future {
    use std::{
        fmt,
        pin::Pin,
        task::{Context, Poll},
    };

    use pin_project_lite::pin_project;
    use portcullis_core::BoxError;

    pin_project! {
        /// Turns the error of a lookup into a boxed one.
        pub struct Converted<F> {
            #[pin]
            inner: F,
        }
    }

    impl<F> Converted<F> {
        pub(super) const fn new(inner: F) -> Self {
            Self { inner }
        }
    }

    impl<F, T, E> Future for Converted<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
    {
        type Output = Result<T, BoxError>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            self.project().inner.poll(cx).map_err(Into::into)
        }
    }

    impl<F> fmt::Debug for Converted<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Converted").finish_non_exhaustive()
        }
    }
}
