use std::time::SystemTime;

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{Link, SpanContext, TraceState},
};
use portcullis_core::{Exchange, TraceContext, TraceLink};

use crate::context::for_sdk;

/// A sampled exchange that has ended. Attributes are made of it elsewhere.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) exchange: Exchange,
    pub(crate) ended: SystemTime,
    /// Whether a sampler in a collector should keep it.
    pub(crate) is_priority: bool,
}

// ===== impl Record =====

impl Record {
    pub(crate) fn new(exchange: &Exchange, is_priority: bool) -> Self {
        Self {
            exchange: exchange.clone(),
            ended: SystemTime::now(),
            is_priority,
        }
    }

    /// Returns how many bytes it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        let exchange = &self.exchange;
        let texts = [
            exchange.path(),
            exchange.query(),
            exchange.host(),
            exchange.user_agent(),
            exchange.trace().and_then(|trace| trace.state.as_deref()),
        ];
        let texts = texts.iter().flatten().map(|text| text.len());
        size_of::<Self>() + OTHERS + texts.sum::<usize>()
    }
}

/// Returns the SDK's form of a trace.
pub(crate) fn span_context(trace: &TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from(trace.trace_id),
        SpanId::from(trace.span_id),
        TraceFlags::new(trace.flags),
        false,
        for_sdk(trace.state.as_deref()),
    )
}

/// Returns the SDK's form of a link: the span of the caller, whose trace did not go on.
pub(crate) fn link(link: TraceLink) -> Link {
    let flags = TraceFlags::new(link.flags);
    let (trace, span) = (TraceId::from(link.trace_id), SpanId::from(link.span_id));
    Link::with_context(SpanContext::new(trace, span, flags, true, TraceState::NONE))
}

/// What an ID, a principal and a rejection take, about.
const OTHERS: usize = 512;
