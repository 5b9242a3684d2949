use std::{fmt, sync::Arc};

use portcullis_core::{BodyLayer, GateLayer, ObserveLayer, Off, ProblemJson, UnlessPublic};
use tower_layer::Layer;

use super::{EdgeService, Explanation, plug::DefaultLimit, service::Stack};
use crate::{
    body_limit::{BodyLimitLayer, KeepWrapped},
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    health::HealthLayer,
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};

/// Applies the whole stack. Built by [`Edge::build`](super::Edge::build).
///
/// Clones share their state, and so do all services they make.
pub struct EdgeLayer<A = Off, L = DefaultLimit, O = (), R = ProblemJson, W = KeepWrapped> {
    config: Arc<EdgeConfig<A, L, O, R, W>>,
}

pub(super) struct EdgeConfig<A, L, O, R, W> {
    pub(super) layers: Layers<A, L, O, R, W>,
    pub(super) explanation: Explanation,
}

/// The layers, outermost first.
pub(super) struct Layers<A, L, O, R, W> {
    pub(super) client_ip: ClientIpLayer,
    pub(super) request_id: RequestIdLayer,
    pub(super) observe: ObserveLayer<O>,
    pub(super) secure_headers: SecureHeadersLayer,
    pub(super) health: HealthLayer,
    pub(super) catch_panic: CatchPanicLayer<R>,
    pub(super) timeout: TimeoutLayer<R>,
    pub(super) limit: Option<L>,
    pub(super) limited_health: HealthLayer,
    pub(super) body_limit: BodyLimitLayer<R, W>,
    pub(super) auth: UnlessPublic<Option<A>>,
    pub(super) respond: R,
}

// ===== impl EdgeLayer =====

impl<A, L, O, R, W> EdgeLayer<A, L, O, R, W> {
    #[inline]
    pub(super) fn new(config: EdgeConfig<A, L, O, R, W>) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// The effective stack: each layer, on or off, its value and why it is where it is.
    #[must_use]
    pub fn explain(&self) -> &Explanation {
        &self.config.explanation
    }
}

impl<A, L, O, R, W> EdgeLayer<A, L, O, R, W>
where
    A: Clone,
    L: Clone,
    O: Clone,
    R: Clone,
    W: Clone,
{
    /// The stack around a service that is ready.
    pub(super) fn stack<S>(&self, inner: S) -> Stack<S, A, L, O, R, W> {
        let layers = &self.config.layers;
        let limit = GateLayer::new(layers.limit.clone()).respond_with(layers.respond.clone());
        let auth = GateLayer::new(layers.auth.clone()).respond_with(layers.respond.clone());

        // The order. Top to bottom, as a request sees it.
        let stack = (
            &layers.client_ip,
            &layers.request_id,
            &layers.observe,
            &layers.secure_headers,
            &layers.health,
            &layers.catch_panic,
            &layers.timeout,
            limit,
            &layers.limited_health,
            &layers.body_limit,
            auth,
            BodyLayer::new(),
        );
        stack.layer(inner)
    }
}

impl<S, A, L, O, R, W> Layer<S> for EdgeLayer<A, L, O, R, W> {
    type Service = EdgeService<S, A, L, O, R, W>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        EdgeService::new(self.clone(), inner)
    }
}

impl<A, L, O, R, W> Clone for EdgeLayer<A, L, O, R, W> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
        }
    }
}

impl<A, L, O, R, W> fmt::Debug for EdgeLayer<A, L, O, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeLayer")
            .field("stack", self.explain())
            .finish_non_exhaustive()
    }
}
