use std::{sync::Arc, time::Duration};

use http::request;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::trace::SpanProcessor;
use portcullis_core::{Enter, Exchange, Observer, Scope, TraceContext, TraceLink};

use crate::{
    ParentPolicy, Sampling,
    context::{self, Allowed, Inherited, Propagators, RANDOM, TraceParent},
    record::Record,
    worker::Worker,
};

/// Opens a server span for each exchange. See the [crate docs](crate) for what it says.
#[derive(Clone, Debug)]
pub struct Tracing(Arc<Shared>);

#[derive(Clone, Debug)]
struct Shared {
    sampling: Sampling,
    parents: ParentPolicy,
    slow_after: Option<Duration>,
    leaves_probes_out: bool,
    reads: Propagators,
    /// Of trusted peers.
    baggage: Allowed,
    /// Of everybody.
    untrusted_baggage: Allowed,
    worker: Option<Worker>,
}

/// The exchange's place in its trace.
struct Place {
    parent: Option<TraceParent>,
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    state: Option<Box<str>>,
    link: Option<TraceParent>,
}

/// Enters an exchange's span.
struct InContext(Context);

// ===== impl Tracing =====

impl Tracing {
    /// Creates an observer that hands finished spans to `processor`, on a thread of its own.
    ///
    /// [`Telemetry`](crate::Telemetry) makes one that exports.
    pub fn new(processor: impl SpanProcessor + 'static, sampling: Sampling) -> Self {
        Self::with_worker(Some(Worker::spawn(processor)), sampling)
    }

    /// Creates an observer that makes no spans. Traces go through it as through any other: what it
    /// sends on, whom it trusts and what it decides on sampling is the same.
    #[must_use]
    pub fn propagating(sampling: Sampling) -> Self {
        Self::with_worker(None, sampling)
    }

    pub(crate) fn with_worker(worker: Option<Worker>, sampling: Sampling) -> Self {
        Self(Arc::new(Shared {
            sampling,
            parents: ParentPolicy::default(),
            slow_after: None,
            leaves_probes_out: false,
            reads: Propagators::ALL,
            baggage: Allowed::default(),
            untrusted_baggage: Allowed::default(),
            worker,
        }))
    }

    /// Sets what is read of requests.
    #[must_use]
    pub(crate) fn reads(mut self, propagators: Propagators) -> Self {
        Arc::make_mut(&mut self.0).reads = propagators;
        self
    }

    /// Sets whose traces go on. The default is
    /// [`RestartUnlessTrusted`](ParentPolicy::RestartUnlessTrusted).
    #[must_use]
    pub fn parents(mut self, policy: ParentPolicy) -> Self {
        Arc::make_mut(&mut self.0).parents = policy;
        self
    }

    /// Leaves probes of the process' health out: they have no span that is exported.
    ///
    /// By default they have one. Their trace goes on all the same, and log lines have its ID.
    #[must_use]
    pub fn without_probes(mut self) -> Self {
        Arc::make_mut(&mut self.0).leaves_probes_out = true;
        self
    }

    /// Sets from which time on, to the response's head, an exchange is slow. By default none is. How
    /// long a body lasts doesn't count: it may be a stream.
    ///
    /// Sampled spans of slow exchanges, and of those with an error, have the attribute
    /// `sampling.priority` with the value 1, by which a sampler in a collector keeps them.
    #[must_use]
    pub fn slow_after(mut self, duration: Duration) -> Self {
        Arc::make_mut(&mut self.0).slow_after = Some(duration);
        self
    }

    /// Sets the keys of `baggage` that are taken over from trusted peers. By default none is. What
    /// untrusted peers send stays dropped.
    ///
    /// The application finds it in OpenTelemetry's context, and [`Propagator`](crate::Propagator)
    /// sends it on. Case counts.
    #[must_use]
    pub fn allow_baggage<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        Arc::make_mut(&mut self.0).baggage = keys.into_iter().collect();
        self
    }

    /// Sets the keys of `baggage` that are taken over from every peer, trusted or not.
    ///
    /// Every client can then write these keys, also where services below believe them. Allow what
    /// nobody decides by.
    #[must_use]
    pub fn insecure_allow_untrusted_baggage<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        Arc::make_mut(&mut self.0).untrusted_baggage = keys.into_iter().collect();
        self
    }

    /// Waits until the spans that have ended are with the processor.
    pub fn flush(&self) {
        if let Some(worker) = &self.0.worker {
            worker.flush();
        }
    }
}

impl Observer for Tracing {
    #[inline]
    fn begin(&self, exchange: &mut Exchange, head: &request::Parts) -> Option<Scope> {
        let is_trusted = exchange.is_peer_trusted();
        let place = self.0.place(head, is_trusted);
        exchange.set_trace(place.to_trace());
        if place.flags.is_sampled() && self.0.worker.is_some() {
            exchange.keep_head(head);
        }
        let context = place.into_context(exchange);
        let context = self.0.with_baggage(context, head, is_trusted);
        Some(Scope::new(InContext(context)))
    }

    #[inline]
    fn end(&self, exchange: &Exchange) {
        let is_sampled = |trace: &TraceContext| TraceFlags::new(trace.flags).is_sampled();
        let is_left_out = self.0.leaves_probes_out && exchange.is_probe();
        if let Some(worker) = &self.0.worker
            && !is_left_out
            && exchange.trace().is_some_and(is_sampled)
        {
            let is_priority = self.0.is_priority(exchange);
            worker.end(Box::new(Record::new(exchange, is_priority)));
        }
    }

    fn describe(&self) -> String {
        "traces".to_owned()
    }
}

// ===== impl Shared =====

impl Shared {
    fn place(&self, head: &request::Parts, is_trusted: bool) -> Place {
        let sent = context::traceparent(&head.headers).filter(|_| self.reads.trace_context);
        let (parent, old) = if self.parents.continues(is_trusted) {
            (sent, None)
        } else {
            (None, sent)
        };
        let trace_id = parent.map_or_else(context::new_trace_id, |parent| parent.trace_id);
        let decided = parent.filter(|_| is_trusted);
        let decided = decided.map(|parent| parent.flags.is_sampled());
        let is_sampled = self.sampling.decide(trace_id, decided);
        let flags = parent.map_or(RANDOM, |parent| parent.flags);
        Place {
            parent,
            trace_id,
            span_id: context::new_span_id(),
            flags: flags.with_sampled(is_sampled),
            state: parent.and_then(|_| context::tracestate(&head.headers)),
            link: old.filter(|_| is_sampled),
        }
    }

    fn with_baggage(&self, context: Context, head: &request::Parts, is_trusted: bool) -> Context {
        let is_read = !self.untrusted_baggage.is_empty() || is_trusted && !self.baggage.is_empty();
        if !is_read || !self.reads.baggage {
            return context;
        }
        let is_allowed = |key: &str| {
            self.untrusted_baggage.contains(key) || is_trusted && self.baggage.contains(key)
        };
        let lines = context::lines(&head.headers, &context::BAGGAGE);
        match context::parse_baggage(lines, is_allowed) {
            Some(baggage) => context.with_baggage(baggage),
            None => context,
        }
    }

    fn is_priority(&self, exchange: &Exchange) -> bool {
        let time = exchange.time_to_head().unwrap_or(exchange.duration());
        let is_slow = |limit| time >= limit;
        exchange.error_type().is_some() || self.slow_after.is_some_and(is_slow)
    }
}

// ===== impl Place =====

impl Place {
    fn to_trace(&self) -> TraceContext {
        TraceContext {
            trace_id: trace_number(self.trace_id),
            span_id: span_number(self.span_id),
            parent_id: self.parent.map(|parent| span_number(parent.span_id)),
            flags: self.flags.to_u8(),
            state: self.state.clone(),
            link: self.link.map(|old| TraceLink {
                trace_id: trace_number(old.trace_id),
                span_id: span_number(old.span_id),
                flags: old.flags.to_u8(),
            }),
        }
    }

    fn into_context(self, exchange: &Exchange) -> Context {
        let state = context::for_sdk(self.state.as_deref());
        let span = SpanContext::new(self.trace_id, self.span_id, self.flags, false, state);
        let context = Context::new().with_remote_span_context(span);
        let inherited = Inherited {
            trace_id: self.trace_id,
            flags: self.flags,
            state: self.state,
            request_id: exchange.request_id().cloned(),
        };
        if inherited.is_needed() {
            return context.with_value(inherited);
        }
        context
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

fn trace_number(id: TraceId) -> u128 {
    u128::from_be_bytes(id.to_bytes())
}

fn span_number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.to_bytes())
}
