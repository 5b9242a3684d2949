use portcullis_core::ProblemJson;
use tower_layer::Layer;

use super::{BodyLimit, KeepWrapped};

/// Applies [`BodyLimit`]. See the [module docs](super) for an example.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer<R = ProblemJson, W = KeepWrapped> {
    limit: Option<u64>,
    respond: R,
    unwrap: W,
}

impl BodyLimitLayer {
    /// Creates a layer that allows bodies of at most `bytes`.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self {
            limit: Some(bytes),
            respond: ProblemJson::new(),
            unwrap: KeepWrapped,
        }
    }

    /// Creates a layer that limits nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            limit: None,
            respond: ProblemJson::new(),
            unwrap: KeepWrapped,
        }
    }
}

impl<R, W> BodyLimitLayer<R, W> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> BodyLimitLayer<T, W> {
        BodyLimitLayer {
            limit: self.limit,
            respond,
            unwrap: self.unwrap,
        }
    }

    /// Replaces the request body that the inner service takes.
    ///
    /// `portcullis_axum` gives axum its own body back.
    #[must_use]
    pub fn unwrap_with<T>(self, unwrap: T) -> BodyLimitLayer<R, T> {
        BodyLimitLayer {
            limit: self.limit,
            respond: self.respond,
            unwrap,
        }
    }

    /// The largest allowed body in bytes, unless the layer is off.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }
}

impl<S, R, W> Layer<S> for BodyLimitLayer<R, W>
where
    R: Clone,
    W: Clone,
{
    type Service = BodyLimit<S, R, W>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        BodyLimit::new(inner, self.limit, self.respond.clone(), self.unwrap.clone())
    }
}
