use portcullis_core::Scope;

/// Runs code in some scopes, the first outermost.
#[inline]
pub(super) fn in_scopes<T>(scopes: &mut [Scope], run: impl FnOnce() -> T) -> T {
    if scopes.is_empty() {
        return run();
    }
    let mut run = Some(run);
    let mut output = None;
    Scope::run(scopes, &mut || output = run.take().map(|run| run()));
    match (output, run) {
        (Some(output), _) => output,
        // A scope that does not run what it should is no reason not to.
        (None, Some(run)) => run(),
        (None, None) => unreachable!("what has run has an output"),
    }
}
