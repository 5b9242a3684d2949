use std::sync::Arc;

use http::request;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::trace::SpanProcessor;
use portcullis_core::{Enter, Exchange, Observer, Scope, TraceContext};

use crate::{Sampling, record::Record, trace_context, worker::Worker};

/// Opens a server span for each exchange. See the [crate docs](crate) for what it says.
#[derive(Clone, Debug)]
pub struct Tracing(Arc<Shared>);

#[derive(Clone, Debug)]
struct Shared {
    sampling: Sampling,
    restarts: bool,
    worker: Worker,
}

/// Enters an exchange's span.
struct InContext(Context);

// ===== impl Tracing =====

impl Tracing {
    /// Creates an observer that hands finished spans to `processor`, on a thread of its own.
    ///
    /// [`Telemetry`](crate::Telemetry) makes one that exports.
    pub fn new(processor: impl SpanProcessor + 'static, sampling: Sampling) -> Self {
        Self::with_worker(Worker::spawn(processor), sampling)
    }

    pub(crate) fn with_worker(worker: Worker, sampling: Sampling) -> Self {
        Self(Arc::new(Shared {
            sampling,
            restarts: false,
            worker,
        }))
    }

    /// Starts a new trace for requests of untrusted peers, whatever they send.
    ///
    /// By default their trace goes on, only their `sampled` flag does not count.
    #[must_use]
    pub fn restart_untrusted(mut self) -> Self {
        Arc::make_mut(&mut self.0).restarts = true;
        self
    }

    /// Waits until the spans that have ended are with the processor.
    pub fn flush(&self) {
        self.0.worker.flush();
    }

    fn parent(&self, head: &request::Parts, is_trusted: bool) -> Option<SpanContext> {
        if self.0.restarts && !is_trusted {
            return None;
        }
        trace_context::extract(&head.headers)
    }
}

impl Observer for Tracing {
    #[inline]
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        let is_trusted = exchange.is_peer_trusted();
        let parent = self.parent(head, is_trusted);
        let decided = parent.as_ref().filter(|_| is_trusted);
        let is_sampled = self.0.sampling.decide(decided.map(SpanContext::is_sampled));
        let span = child(parent.as_ref(), is_sampled);
        exchange.set_trace(trace(parent.as_ref(), &span));
        if is_sampled {
            exchange.keep_head(head);
        }
        let context = Context::new().with_remote_span_context(span);
        Some(Scope::new(InContext(context)))
    }

    #[inline]
    fn end(&self, exchange: &Exchange) {
        let is_sampled = |trace: &TraceContext| TraceFlags::new(trace.flags).is_sampled();
        if exchange.trace().is_some_and(is_sampled) {
            self.0.worker.end(Box::new(Record::new(exchange)));
        }
    }

    fn describe(&self) -> String {
        "traces".to_owned()
    }
}

/// Returns a new span in the parent's trace, or in one of its own.
fn child(parent: Option<&SpanContext>, is_sampled: bool) -> SpanContext {
    let span = SpanId::from(rand::random::<u64>().max(1));
    match parent {
        Some(parent) => {
            let flags = parent.trace_flags().with_sampled(is_sampled);
            let state = parent.trace_state().clone();
            SpanContext::new(parent.trace_id(), span, flags, false, state)
        }
        None => {
            let trace = TraceId::from(rand::random::<u128>().max(1));
            let flags = RANDOM.with_sampled(is_sampled);
            SpanContext::new(trace, span, flags, false, Default::default())
        }
    }
}

fn trace(parent: Option<&SpanContext>, span: &SpanContext) -> TraceContext {
    let number = |id: SpanId| u64::from_be_bytes(id.to_bytes());
    let state = parent.map(|parent| parent.trace_state().header());
    TraceContext {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: number(span.span_id()),
        parent_id: parent.map(|parent| number(parent.span_id())),
        flags: span.trace_flags().to_u8(),
        state: state.filter(|state| !state.is_empty()).map(Into::into),
    }
}

// ===== impl InContext =====

impl Enter for InContext {
    #[inline]
    fn enter(&mut self, poll: &mut dyn FnMut()) {
        let _current = self.0.clone().attach();
        poll();
    }
}

/// The trace's ID is random (W3C Trace Context, level 2, section 3.2.2.5).
const RANDOM: TraceFlags = TraceFlags::new(0b10);
