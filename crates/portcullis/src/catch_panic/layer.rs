use portcullis_core::ProblemJson;
use tower_layer::Layer;

use super::{CatchPanic, caught};

/// Applies [`CatchPanic`]. See the [module docs](super) for an example.
#[derive(Clone, Copy, Debug)]
pub struct CatchPanicLayer<R = ProblemJson> {
    on: bool,
    respond: R,
}

impl CatchPanicLayer {
    /// Creates a layer that answers with [`ProblemJson`].
    ///
    /// The first call installs a panic hook: see [Telemetry](super#telemetry).
    #[must_use]
    pub fn new() -> Self {
        caught::install_hook();
        Self {
            on: true,
            respond: ProblemJson::new(),
        }
    }

    /// Creates a layer that does nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            on: false,
            respond: ProblemJson::new(),
        }
    }
}

impl<R> CatchPanicLayer<R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> CatchPanicLayer<T> {
        CatchPanicLayer {
            on: self.on,
            respond,
        }
    }

    /// Whether the layer does anything.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.on
    }
}

impl Default for CatchPanicLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, R> Layer<S> for CatchPanicLayer<R>
where
    R: Clone,
{
    type Service = CatchPanic<S, R>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic::new(inner, self.on, self.respond.clone())
    }
}
