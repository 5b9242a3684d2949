use std::sync::Arc;

use portcullis_core::{Count, Counts};
use tower::retry::Retry;
use tower_layer::Layer;

use super::{AnyError, ByClone, RetryConfig, RetryPolicy, config::Shared, judge::OfCall};

/// Retries calls that failed. See the [module docs](crate::outbound) for what is retried.
///
/// Its service is tower's [`Retry`], with a policy for HTTP.
#[derive(Clone, Debug)]
pub struct RetryLayer<R = ByClone, J = AnyError> {
    shared: Arc<Shared>,
    replay: R,
    judge: J,
}

// ===== impl RetryLayer =====

impl RetryLayer {
    /// Creates a layer with the default configuration.
    #[must_use]
    pub fn new() -> Self {
        RetryConfig::new().into_layer()
    }
}

impl<R, J> RetryLayer<R, J> {
    pub(super) fn with(shared: Arc<Shared>, replay: R, judge: J) -> Self {
        Self {
            shared,
            replay,
            judge,
        }
    }

    /// Lets it judge the errors of layers below too.
    pub(in crate::outbound) fn of_call(self) -> RetryLayer<R, OfCall<J>> {
        RetryLayer::with(self.shared, self.replay, OfCall::new(self.judge))
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, R: Clone, J: Clone> Layer<S> for RetryLayer<R, J> {
    type Service = Retry<RetryPolicy<R, J>, S>;

    fn layer(&self, inner: S) -> Self::Service {
        let (replay, judge) = (self.replay.clone(), self.judge.clone());
        let policy = RetryPolicy::new(Arc::clone(&self.shared), replay, judge);
        Retry::new(policy, inner)
    }
}

impl<R, J> Counts for RetryLayer<R, J>
where
    R: Send + Sync + 'static,
    J: Send + Sync + 'static,
{
    fn counts(&self) -> Vec<Count> {
        self.shared.counts()
    }
}
