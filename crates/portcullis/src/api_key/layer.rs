use portcullis_core::{Gate, GateLayer, ProblemJson, PublicPaths, UnlessPublic};
use tower_layer::Layer;

use super::{ApiKeyGuard, IntoKeyStore};

/// Admits requests that carry a known API key. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct ApiKeyLayer<K, R = ProblemJson> {
    guard: Option<ApiKeyGuard<K>>,
    public: PublicPaths,
    respond: R,
}

impl<K> ApiKeyLayer<K> {
    /// Creates a layer that looks keys up in a store.
    pub fn new<Kind>(store: impl IntoKeyStore<Kind, Store = K>) -> Self {
        Self {
            guard: Some(ApiKeyGuard::new(store)),
            public: PublicPaths::default(),
            respond: ProblemJson::new(),
        }
    }

    /// Creates a layer that admits everything.
    #[must_use]
    pub fn off() -> Self {
        Self {
            guard: None,
            public: PublicPaths::default(),
            respond: ProblemJson::new(),
        }
    }
}

impl<K, R> ApiKeyLayer<K, R> {
    /// Declares paths that need no key: exact ones, and prefixes that end in `/*`.
    ///
    /// See [`PublicPaths`] for what counts as below a prefix.
    #[must_use]
    pub fn public<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        self.public = PublicPaths::new(paths);
        self
    }

    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> ApiKeyLayer<K, T> {
        ApiKeyLayer {
            guard: self.guard,
            public: self.public,
            respond,
        }
    }
}

impl<S, K, R> Layer<S> for ApiKeyLayer<K, R>
where
    K: Clone,
    R: Clone,
{
    type Service = Gate<S, UnlessPublic<Option<ApiKeyGuard<K>>>, R>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        let guard = UnlessPublic::new(self.public.clone(), self.guard.clone());
        let gate = GateLayer::new(guard);
        gate.respond_with(self.respond.clone()).layer(inner)
    }
}
