use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{Count, Counts};
use tower::retry::Retry;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    AnyError, Breaker, BreakerLayer, BreakerService, ByClone, CallError, DeadlineLayer, Flatten,
    FlattenLayer, Judge, OfCall, Replay, RetryLayer, RetryPolicy, TryTimeout, TryTimeoutLayer,
    WithDeadline,
};

/// All layers of this module in their order. Made by [`Outbound`](super::Outbound).
///
/// Clones share the breaker and the budget of retries.
#[derive(Clone, Debug)]
pub struct OutboundLayer<R = ByClone, J = AnyError> {
    pub(super) deadline: DeadlineLayer,
    pub(super) retry: RetryLayer<R, OfCall<J>>,
    pub(super) breaker: BreakerLayer,
    pub(super) try_timeout: TryTimeoutLayer,
}

/// Service of [`OutboundLayer`].
#[derive(Clone)]
pub struct OutboundService<S, R = ByClone, J = AnyError>(Stack<S, R, J>);

/// Outermost first.
type Stack<S, R, J> =
    Flatten<WithDeadline<Retry<RetryPolicy<R, OfCall<J>>, Flatten<BreakerService<TryTimeout<S>>>>>>;

// ===== impl OutboundLayer =====

impl<R, J> OutboundLayer<R, J> {
    /// Returns the breaker, unless it is off.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.breaker()
    }
}

impl<S, R: Clone, J: Clone> Layer<S> for OutboundLayer<R, J> {
    type Service = OutboundService<S, R, J>;

    fn layer(&self, inner: S) -> Self::Service {
        let each_try = self.breaker.layer(self.try_timeout.layer(inner));
        let each_call = self.retry.layer(FlattenLayer::new().layer(each_try));
        OutboundService(FlattenLayer::new().layer(self.deadline.layer(each_call)))
    }
}

impl<R, J> Counts for OutboundLayer<R, J>
where
    R: Send + Sync + 'static,
    J: Send + Sync + 'static,
{
    fn counts(&self) -> Vec<Count> {
        let mut counts = self.retry.counts();
        counts.extend(self.breaker().into_iter().flat_map(Counts::counts));
        counts
    }
}

// ===== impl OutboundService =====

impl<S, R, J, B, ResBody> Service<Request<B>> for OutboundService<S, R, J>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    R: Replay<B> + Clone,
    J: Judge<S::Error> + Clone,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = <Stack<S, R, J> as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}

impl<S: fmt::Debug, R, J> fmt::Debug for OutboundService<S, R, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundService").finish_non_exhaustive()
    }
}
