use std::fmt;

use portcullis_core::Outcome;

use super::{caught::Caught, passage::Passage};

/// What lasts to the end of a response's body.
pub struct Watched(pub(super) Box<Passage>);

// ===== impl Watched =====

impl Watched {
    /// Runs a poll of the body: in scope, and with its panics caught.
    #[inline]
    pub(super) fn run<T>(&mut self, poll: impl FnOnce() -> T) -> Result<T, Caught> {
        self.0.run(|_| poll())
    }

    /// Begins with a body of which this much is known.
    #[inline]
    pub(super) fn on_body(&mut self, is_end: bool, exact: Option<u64>) {
        self.0.left = exact.or(self.0.left);
        if is_end || self.0.left == Some(0) || self.0.watch.has_no_body() {
            self.end(Outcome::Complete);
        }
    }

    /// Notes some bytes. A server that knows the length does not ask for more, so the last of them
    /// is the end.
    #[inline]
    pub(super) fn on_bytes(&mut self, bytes: u64, is_end: bool) {
        self.0.watch.on_bytes(bytes);
        self.0.left = self.0.left.map(|left| left.saturating_sub(bytes));
        if is_end || self.0.left == Some(0) {
            self.end(Outcome::Complete);
        }
    }

    #[cold]
    pub(super) fn on_panic(&mut self, caught: &Caught) {
        caught.log(self.0.request_id.as_ref());
        self.end(Outcome::Panicked);
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        drop(self.0.reply.take_held());
        drop(self.0.reply.take_scopes());
        self.0.watch.end(outcome);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}
