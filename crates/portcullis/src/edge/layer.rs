use std::{fmt, sync::Arc};

use portcullis_core::{BodyLayer, GateLayer, ObserveLayer, Off, ProblemJson, UnlessPublic};
use tower_layer::Layer;

#[cfg(feature = "rate-limit")]
use super::handle::Changeable;
use super::{
    Counters, EdgeService, Explanation, Handle,
    plug::{DefaultLimit, InFlightGuard},
    service::Stack,
};
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
pub struct EdgeLayer<
    A = Off,
    L = DefaultLimit,
    O = (),
    R = ProblemJson,
    W = KeepWrapped,
    P = DefaultLimit,
> {
    config: Arc<EdgeConfig<A, L, O, R, W, P>>,
}

pub(super) struct EdgeConfig<A, L, O, R, W, P> {
    pub(super) layers: Layers<A, L, O, R, W, P>,
    pub(super) explanation: Explanation,
}

/// The layers, outermost first.
pub(super) struct Layers<A, L, O, R, W, P> {
    pub(super) client_ip: ClientIpLayer,
    pub(super) request_id: RequestIdLayer,
    pub(super) observe: ObserveLayer<O>,
    pub(super) secure_headers: SecureHeadersLayer,
    pub(super) health: HealthLayer,
    pub(super) catch_panic: CatchPanicLayer<R>,
    pub(super) timeout: TimeoutLayer<R>,
    pub(super) limit: Option<L>,
    pub(super) in_flight: InFlightGuard,
    pub(super) limited_health: HealthLayer,
    pub(super) body_limit: BodyLimitLayer<R, W>,
    pub(super) auth: UnlessPublic<Option<A>>,
    pub(super) principal_limit: Option<P>,
    pub(super) respond: R,
}

// ===== impl EdgeLayer =====

impl<A, L, O, R, W, P> EdgeLayer<A, L, O, R, W, P> {
    #[inline]
    pub(super) fn new(config: EdgeConfig<A, L, O, R, W, P>) -> Self {
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

#[cfg(feature = "rate-limit")]
impl<A, L, O, R, W, P> EdgeLayer<A, L, O, R, W, P>
where
    L: Changeable,
    P: Changeable,
{
    /// Changes this edge while it serves: policies, quotas, trusted proxies.
    #[must_use]
    pub fn handle(&self) -> Handle {
        let layers = &self.config.layers;
        let limits = [
            layers.limit.as_ref().and_then(Changeable::rate_limit),
            layers
                .principal_limit
                .as_ref()
                .and_then(Changeable::rate_limit),
        ];
        Handle::new(layers.client_ip.clone(), limits)
    }
}

#[cfg(not(feature = "rate-limit"))]
impl<A, L, O, R, W, P> EdgeLayer<A, L, O, R, W, P> {
    /// Changes this edge while it serves: trusted proxies.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.config.layers.client_ip.clone())
    }
}

impl<A, L, O, R, W, P> EdgeLayer<A, L, O, R, W, P>
where
    A: Clone,
    L: Clone,
    O: Clone,
    R: Clone,
    W: Clone,
    P: Clone,
{
    /// What the layers count by themselves, for a page of metrics.
    #[must_use]
    pub fn counters(&self) -> Counters<L, P> {
        let layers = &self.config.layers;
        Counters {
            client_ip: layers.client_ip.clone(),
            limit: layers.limit.clone(),
            in_flight: layers.in_flight.clone(),
            principal_limit: layers.principal_limit.clone(),
        }
    }

    /// The stack around a service that is ready.
    pub(super) fn stack<S>(&self, inner: S) -> Stack<S, A, L, O, R, W, P> {
        let layers = &self.config.layers;
        let respond = || layers.respond.clone();
        let limit = GateLayer::new(layers.limit.clone()).respond_with(respond());
        let in_flight = GateLayer::new(layers.in_flight.clone()).respond_with(respond());
        let auth = GateLayer::new(layers.auth.clone()).respond_with(respond());
        let principal = GateLayer::new(layers.principal_limit.clone()).respond_with(respond());

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
            in_flight,
            &layers.limited_health,
            &layers.body_limit,
            auth,
            principal,
            BodyLayer::new(),
        );
        stack.layer(inner)
    }
}

impl<S, A, L, O, R, W, P> Layer<S> for EdgeLayer<A, L, O, R, W, P> {
    type Service = EdgeService<S, A, L, O, R, W, P>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        EdgeService::new(self.clone(), inner)
    }
}

impl<A, L, O, R, W, P> Clone for EdgeLayer<A, L, O, R, W, P> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
        }
    }
}

impl<A, L, O, R, W, P> fmt::Debug for EdgeLayer<A, L, O, R, W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeLayer")
            .field("stack", self.explain())
            .finish_non_exhaustive()
    }
}
