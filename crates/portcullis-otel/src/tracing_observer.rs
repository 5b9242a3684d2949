use std::sync::Arc;

use http::request;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::trace::SpanProcessor;
use portcullis_core::{Exchange, Facts, Observer, Watch};

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

/// The span of one exchange.
#[derive(Debug)]
pub struct RequestSpan {
    context: Context,
    sampled: Option<(Box<Record>, Worker)>,
}

// ===== impl Tracing =====

impl Tracing {
    /// Hands finished spans to `processor`, on a thread of its own.
    ///
    /// [`Telemetry`](crate::Telemetry) makes one that exports.
    pub fn new(processor: impl SpanProcessor + 'static, sampling: Sampling) -> Self {
        Self(Arc::new(Shared {
            sampling,
            restarts: false,
            worker: Worker::spawn(processor),
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
        match self.0.restarts && !is_trusted {
            true => None,
            false => trace_context::extract(&head.headers),
        }
    }
}

impl Observer for Tracing {
    type Watch = RequestSpan;

    #[inline]
    fn begin(&self, head: &request::Parts, route: Option<&str>) -> RequestSpan {
        let is_trusted = Facts::of(&head.extensions).is_peer_trusted();
        let parent = self.parent(head, is_trusted);
        let decided = parent.as_ref().filter(|_| is_trusted);
        let is_sampled = self.0.sampling.decide(decided.map(SpanContext::is_sampled));
        let span = span_context(parent.as_ref(), is_sampled);
        let sampled = is_sampled.then(|| {
            let parent = parent.as_ref().map(SpanContext::span_id);
            let record = Record::new(span.clone(), parent, head, route);
            (Box::new(record), self.0.worker.clone())
        });
        RequestSpan {
            context: Context::new().with_remote_span_context(span),
            sampled,
        }
    }

    fn describe(&self) -> String {
        "traces".to_owned()
    }
}

/// A new span in the parent's trace, or in one of its own.
fn span_context(parent: Option<&SpanContext>, is_sampled: bool) -> SpanContext {
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

// ===== impl RequestSpan =====

impl Watch for RequestSpan {
    fn scope<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        poll()
    }

    #[inline]
    fn end(self, exchange: &Exchange<'_>) {
        if let Some((mut record, worker)) = self.sampled {
            record.end(exchange);
            worker.end(record);
        }
    }
}

/// The trace's ID is random (W3C Trace Context, level 2, section 3.2.2.5).
const RANDOM: TraceFlags = TraceFlags::new(0b10);
