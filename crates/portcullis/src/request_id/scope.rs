use tracing::Span;

/// Runs code in a span, if somebody listens to it.
pub(super) fn scope<T>(span: &Span, run: impl FnOnce() -> T) -> T {
    match span.is_disabled() {
        true => run(),
        false => span.in_scope(run),
    }
}
