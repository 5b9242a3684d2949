#[cfg(feature = "server")]
use std::pin::Pin;
use std::{
    fmt::{self, Write},
    marker::PhantomData,
    sync::Arc,
};

#[cfg(feature = "server")]
use bytes::Bytes;
#[cfg(feature = "server")]
use http::{Response, request};
#[cfg(feature = "server")]
use portcullis_core::Rejection;
use portcullis_core::{Count, Counts, Guard, Observer};
use tower_layer::Layer;

use super::{Explanation, Slot};
#[cfg(feature = "server")]
use crate::engine::refuse_unparsed;
use crate::engine::{EdgeService, Pace, Stack, Wrapped};

/// Applies a whole edge. Built by [`Edge::build`](super::Edge::build).
///
/// Clones share their state, and so do all services they make.
pub struct EdgeLayer<M = Wrapped> {
    stack: Arc<Stack>,
    /// Of each guard.
    slots: Arc<[Slot]>,
    bodies: PhantomData<fn() -> M>,
}

/// What there is to explain.
pub(super) struct Rows<'l> {
    stack: &'l Stack,
    slots: &'l [Slot],
}

// ===== impl EdgeLayer =====

impl<M> EdgeLayer<M> {
    pub(super) fn new(stack: Stack, slots: Arc<[Slot]>) -> Self {
        Self {
            stack: stack.sealed(),
            slots,
            bodies: PhantomData,
        }
    }

    /// Returns the effective stack: each part, on or off, what it does now, and why it is where it
    /// is.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        Explanation::new(&Rows {
            stack: &self.stack,
            slots: &self.slots,
        })
    }

    /// Returns what the observers have to write when a server has stopped.
    #[cfg(feature = "server")]
    pub(crate) fn on_stop(&self) -> impl Iterator<Item = Pin<Box<dyn Future<Output = ()> + Send>>> {
        self.stack.observers.iter().filter_map(Observer::on_stop)
    }

    /// Answers a request that the server could not read.
    #[cfg(feature = "server")]
    pub(crate) fn refuse_unparsed(
        &self,
        head: request::Parts,
        rejection: Rejection,
    ) -> Response<Bytes> {
        refuse_unparsed(Arc::clone(&self.stack), head, rejection)
    }
}

impl<S, M> Layer<S> for EdgeLayer<M> {
    type Service = EdgeService<S, M>;

    #[inline]
    fn layer(&self, inner: S) -> Self::Service {
        EdgeService::new(Arc::clone(&self.stack), inner)
    }
}

/// What the guards count. Observers of the edge that show it have it already.
impl<M: Send + Sync + 'static> Counts for EdgeLayer<M> {
    fn counts(&self) -> Vec<Count> {
        self.stack.guards.iter().flat_map(Guard::counts).collect()
    }
}

impl<M> Clone for EdgeLayer<M> {
    fn clone(&self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            slots: Arc::clone(&self.slots),
            bodies: PhantomData,
        }
    }
}

impl<M> fmt::Debug for EdgeLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeLayer")
            .field("stack", &self.explain())
            .finish_non_exhaustive()
    }
}

// ===== impl Rows =====

impl Rows<'_> {
    pub(super) fn slot(&self, wanted: Slot) -> Option<String> {
        let guards = self.slots.iter().zip(&self.stack.guards);
        let own = guards.filter(|(slot, _)| **slot == wanted);
        joined(own.map(|(_, guard)| guard.describe()))
    }

    pub(super) fn observers(&self) -> Option<String> {
        joined(self.stack.observers.iter().map(Observer::describe))
    }

    pub(super) fn panics(&self) -> Option<String> {
        let is_on = self.stack.catches_panics;
        is_on.then(|| "answered with 500".to_owned())
    }

    pub(super) fn deadline(&self) -> Option<String> {
        self.stack.time_limit.map(|limit| {
            let status = limit.kind.status().as_u16();
            let mut text = format!("{:?}, then {status}", limit.after);
            if let Some(Pace { idle, rate, total }) = limit.upload {
                let _ = write!(text, "; uploads {idle:?} idle, {rate} B/s, {total:?}");
            }
            if let Some(idle) = limit.stream_idle {
                let _ = write!(text, "; streams {idle:?} idle");
            }
            text
        })
    }
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
