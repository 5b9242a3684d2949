use std::{fmt, marker::PhantomData, net::SocketAddr, sync::Arc};

use http::{Extensions, request};
use portcullis_core::{Facts, Guard, PeerAddr, Reply, Respond, Verdict};
use tower_layer::Layer;

use super::{EdgeService, Part, Stack, Wrapped};

/// A part of an edge as a layer by itself: a guard of this crate, or one of your own.
///
/// Clones share the part's state, and so do all services they make.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, request};
/// use http_body_util::Full;
/// use portcullis::{
///     Guard, RejectionKind, Reply, Verdict, body_limit::RequestBody, edge::GuardLayer,
/// };
/// use tower::{Layer, ServiceExt, service_fn};
///
/// #[derive(Clone)]
/// struct Closed;
///
/// impl Guard for Closed {
///     fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
///         RejectionKind::Unavailable.into()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::convert::Infallible> {
/// let hello = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let layer = GuardLayer::from(Closed);
/// let response = layer.layer(hello).oneshot(Request::new(Full::default())).await?;
///
/// assert_eq!(response.status(), 503);
/// # Ok(())
/// # }
/// ```
///
/// The layers of this crate are other names for it. `M` says what becomes of bodies: a guard may
/// [limit](crate::Reply::limit_body) the request's and [hold](crate::Reply::hold) something to the
/// end of the response's, so both are wrapped, but for guards that are known to do neither.
pub struct Alone<P, M = Wrapped> {
    part: Option<P>,
    peer_from: Option<PeerFrom>,
    stack: Arc<Stack>,
    bodies: PhantomData<M>,
}

/// Where a server leaves the address of the peer.
pub(crate) type PeerFrom = fn(&Extensions) -> Option<SocketAddr>;

/// Notes the peer that a server left, unless it is known.
struct NotePeer(PeerFrom);

/// A guard as a layer by itself. [`Alone<G, Plain>`](Alone) leaves bodies as they are, for a guard
/// that looks at heads only.
pub type GuardLayer<G> = Alone<G>;

// ===== impl Alone =====

impl<P: Part + Clone, M> Alone<P, M> {
    /// Creates a layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::with_stack(None, None, Stack::new())
    }

    /// Tells where the server leaves the address of the peer, for a part that needs a client and has
    /// no [`ClientIp`](crate::ClientIp): `portcullis_axum::connect_info` below `axum::serve`. A
    /// [`PeerAddr`](crate::PeerAddr), as [`serve`](crate::serve()) leaves it, is found without.
    #[must_use]
    pub fn peer_from(self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        let mut stack = Stack::new();
        stack.respond = Arc::clone(&self.stack.respond);
        Self::with_stack(self.part, Some(peer), stack)
    }

    /// Replaces the way rejections are rendered.
    #[must_use]
    pub fn respond_with(self, respond: impl Respond) -> Self {
        let mut stack = Stack::new();
        stack.respond = Arc::new(respond);
        Self::with_stack(self.part, self.peer_from, stack)
    }

    /// Changes the part.
    pub(crate) fn map(self, change: impl FnOnce(P) -> P) -> Self {
        let mut stack = Stack::new();
        stack.respond = Arc::clone(&self.stack.respond);
        Self::with_stack(self.part.map(change), self.peer_from, stack)
    }

    fn with_stack(part: Option<P>, peer_from: Option<PeerFrom>, mut stack: Stack) -> Self {
        if let Some(peer_from) = peer_from {
            NotePeer(peer_from).install(&mut stack);
        }
        if let Some(part) = part.clone() {
            part.install(&mut stack);
        }
        Self {
            part,
            peer_from,
            stack: stack.sealed(),
            bodies: PhantomData,
        }
    }
}

impl<P, M> Alone<P, M> {
    /// Returns the part, unless the layer is off.
    #[must_use]
    pub const fn part(&self) -> Option<&P> {
        self.part.as_ref()
    }
}

impl<S, P, M> Layer<S> for Alone<P, M> {
    type Service = EdgeService<S, M>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        EdgeService::new(Arc::clone(&self.stack), inner)
    }
}

impl<P: Clone, M> Clone for Alone<P, M> {
    fn clone(&self) -> Self {
        Self {
            part: self.part.clone(),
            peer_from: self.peer_from,
            stack: Arc::clone(&self.stack),
            bodies: PhantomData,
        }
    }
}

impl<P: Part + Clone, M> From<P> for Alone<P, M> {
    fn from(part: P) -> Self {
        Self::with_stack(Some(part), None, Stack::new())
    }
}

/// A layer and its part are as good as each other in an [`Edge`](crate::Edge).
impl<P, M> From<Alone<P, M>> for Option<P> {
    fn from(layer: Alone<P, M>) -> Self {
        layer.part
    }
}

impl<P: fmt::Debug, M> fmt::Debug for Alone<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alone").field(&self.part).finish()
    }
}

// ===== impl NotePeer =====

impl Guard for NotePeer {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let is_known = Facts::of(&head.extensions).get::<PeerAddr>().is_some();
        if !is_known && let Some(peer) = (self.0)(&head.extensions) {
            Facts::of_mut(&mut head.extensions).set(PeerAddr(peer));
        }
        Verdict::Admit
    }
}
