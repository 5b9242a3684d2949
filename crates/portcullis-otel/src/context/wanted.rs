use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Which propagators a process has, as `OTEL_PROPAGATORS` leaves them: like OpenTelemetry's own, one
/// set for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Propagators {
    pub(crate) trace_context: bool,
    pub(crate) baggage: bool,
}

static TRACE_CONTEXT: AtomicBool = AtomicBool::new(true);
static BAGGAGE: AtomicBool = AtomicBool::new(true);

// ===== impl Propagators =====

impl Propagators {
    pub(crate) const ALL: Self = Self {
        trace_context: true,
        baggage: true,
    };

    /// Sets them for the process.
    pub(crate) fn install(self) {
        TRACE_CONTEXT.store(self.trace_context, Relaxed);
        BAGGAGE.store(self.baggage, Relaxed);
    }

    /// Returns those of the process.
    pub(crate) fn installed() -> Self {
        Self {
            trace_context: TRACE_CONTEXT.load(Relaxed),
            baggage: BAGGAGE.load(Relaxed),
        }
    }

    /// Returns `true` if a field is read and sent.
    pub(crate) const fn has(self, field: &str) -> bool {
        if field.eq_ignore_ascii_case("baggage") {
            self.baggage
        } else {
            self.trace_context
        }
    }
}
