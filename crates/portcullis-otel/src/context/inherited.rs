use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{Context, TraceFlags, TraceId};
use portcullis_core::RequestId;

use super::RANDOM;

/// What an exchange passes on that OpenTelemetry's span context has no place for, as a value of the
/// context.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    /// What is below belongs to this trace only, but for the request's ID.
    pub(crate) trace_id: TraceId,
    /// The SDK forgets `random` for spans that are not sampled.
    pub(crate) flags: TraceFlags,
    pub(crate) state: Option<Box<str>>,
    pub(crate) request_id: Option<RequestId>,
}

/// Somebody sends the IDs of requests on.
static IS_READ: AtomicBool = AtomicBool::new(false);

// ===== impl Inherited =====

impl Inherited {
    /// Notes that there is a client that reads the request's ID from the context.
    ///
    /// A value in a context costs three allocations for each request: without a reader there is
    /// none.
    pub(crate) fn expect_reader() {
        IS_READ.store(true, Ordering::Relaxed);
    }

    /// Returns what belongs to the trace in a context.
    pub(crate) fn of(cx: &Context, trace: TraceId) -> Option<&Self> {
        let known: Option<&Self> = cx.get();
        known.filter(|known| known.trace_id == trace)
    }

    /// Whether there is something that somebody reads.
    pub(crate) fn is_needed(&self) -> bool {
        self.state.is_some() || IS_READ.load(Ordering::Relaxed)
    }

    pub(crate) fn random(&self) -> TraceFlags {
        self.flags & RANDOM
    }
}
