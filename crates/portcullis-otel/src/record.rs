use std::time::SystemTime;

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceState},
};
use portcullis_core::{Exchange, TraceContext};

/// A sampled exchange that has ended. Attributes are made of it elsewhere.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) exchange: Exchange,
    pub(crate) ended: SystemTime,
}

// ===== impl Record =====

impl Record {
    pub(crate) fn new(exchange: &Exchange) -> Self {
        Self {
            exchange: exchange.clone(),
            ended: SystemTime::now(),
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
    let state: Option<TraceState> = trace.state.as_ref().and_then(|state| state.parse().ok());
    SpanContext::new(
        TraceId::from(trace.trace_id),
        SpanId::from(trace.span_id),
        TraceFlags::new(trace.flags),
        false,
        state.unwrap_or_default(),
    )
}

/// What an ID, a principal and a rejection take, about.
const OTHERS: usize = 512;
