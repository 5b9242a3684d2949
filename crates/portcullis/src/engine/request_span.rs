//! The span that gives log lines the IDs of their request and its trace.

use portcullis_core::{RequestId, Scope, TraceContext};
use tracing::{Level, Span, error_span, field};

use super::{
    caught::{Caught, catch},
    passage::Passage,
    scopes::in_scopes,
};

// ===== impl Passage =====

impl Passage {
    /// Opens the span, if log lines below would not have both IDs without it.
    #[inline]
    pub(super) fn open_span(&mut self) {
        // Most requests meet nobody who listens. At this level only `off` leaves it out, or a filter by target.
        if tracing::span_enabled!(target: "portcullis", Level::ERROR, request_id, trace_id) {
            self.open_wanted_span();
        }
    }

    #[cold]
    fn open_wanted_span(&mut self) {
        let trace = self.watch.trace().cloned();
        if !self.reply.take_opens_span() && trace.is_none() {
            return;
        }
        let id = self.request_id.clone();
        // A child of what observers opened, and the innermost, so that log lines have all of them.
        let mut scopes = self.reply.take_scopes();
        let span = catch(|| in_scopes(&mut scopes, || span(id.as_ref(), trace.as_ref())));
        scopes.extend(span.ok().and_then(Scope::span));
        self.reply.put_scopes(scopes);
    }

    /// Logs something with the IDs of the request.
    #[cold]
    pub(super) fn log(&mut self, log: impl Fn()) {
        let mut scopes = self.reply.take_scopes();
        if catch(|| in_scopes(&mut scopes, &log)).is_err() {
            log();
        }
        self.reply.put_scopes(scopes);
    }

    /// Logs a panic, and lets observers know of it.
    #[cold]
    pub(super) fn note_panic(&mut self, caught: Caught) {
        let id = self.request_id.clone();
        self.log(|| caught.log(id.as_ref()));
        self.watch.on_panic(caught.into_panic());
    }
}

fn span(id: Option<&RequestId>, trace: Option<&TraceContext>) -> Span {
    // All at once: subscribers that format fields as they come would do so anew for each.
    error_span!(
        target: "portcullis",
        "request",
        request_id = id.map(field::display),
        trace_id = trace.map(|trace| field::display(trace.trace_id_hex())),
        span_id = trace.map(|trace| field::display(trace.span_id_hex())),
    )
}
