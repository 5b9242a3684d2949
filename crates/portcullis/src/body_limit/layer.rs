use portcullis_core::ProblemJson;
use tower_layer::Layer;

use super::BodyLimit;

/// Applies [`BodyLimit`]. See the [module docs](super) for an example.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer<R = ProblemJson> {
    limit: Option<u64>,
    respond: R,
}

impl BodyLimitLayer {
    /// Creates a layer that allows bodies of at most `bytes`.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self {
            limit: Some(bytes),
            respond: ProblemJson::new(),
        }
    }

    /// Creates a layer that limits nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            limit: None,
            respond: ProblemJson::new(),
        }
    }
}

impl<R> BodyLimitLayer<R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> BodyLimitLayer<T> {
        BodyLimitLayer {
            limit: self.limit,
            respond,
        }
    }

    /// The largest allowed body in bytes, unless the layer is off.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }
}

impl<S, R> Layer<S> for BodyLimitLayer<R>
where
    R: Clone,
{
    type Service = BodyLimit<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyLimit::new(inner, self.limit, self.respond.clone())
    }
}
