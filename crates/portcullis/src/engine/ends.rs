//! How an exchange ends.

use std::thread;

use http::response;
use portcullis_core::{Cost, Outcome, Rejection};

use super::{caught::catch, passage::Passage};

// ===== impl Passage =====

impl Passage {
    /// Notes what the response is, for what is done at the end.
    #[inline]
    pub(super) fn note_head(&mut self, head: &response::Parts) {
        self.ended.status = Some(head.status);
        self.tell_head(head);
        if self.reply.has_ends() {
            self.ended.rejection = head.extensions.get().map(Rejection::kind);
            self.ended.cost = head.extensions.get().map(|Cost(cost)| *cost);
        }
    }

    /// Notifies what guards hold. A panic there is logged: the response is made.
    #[inline]
    fn tell_head(&mut self, head: &response::Parts) {
        if self.reply.is_holding()
            && let Err(caught) = catch(|| self.reply.tell_head(head))
        {
            caught.log(self.request_id.as_ref());
        }
    }

    /// Returns `true` for a response without a body, whatever its head declares (RFC 9110, section
    /// 6.4.1).
    pub(super) fn has_no_body(&self) -> bool {
        let status = self.ended.status;
        self.is_head || status.is_some_and(|status| matches!(status.as_u16(), 100..200 | 204 | 304))
    }

    /// Notes bytes of the response.
    #[inline]
    pub(super) fn on_bytes(&mut self, bytes: u64) {
        self.ended.response_bytes += bytes;
        self.watch.on_bytes(bytes);
    }

    /// Ends the exchange, unless it has ended already.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.run_ends(outcome);
        self.watch.end(outcome);
    }

    /// Does what guards want to be done at the end. Nobody is left to tell of a panic: it is logged.
    fn run_ends(&mut self, outcome: Outcome) {
        if !self.reply.has_ends() {
            return;
        }
        let count = self.watch.count.as_ref();
        self.ended.request_bytes = count.map_or(0, |count| count.read());
        self.ended.outcome = outcome.with_rejection(self.ended.rejection);
        for end in self.reply.take_ends() {
            if let Err(caught) = catch(|| end(&self.ended)) {
                caught.log(self.request_id.as_ref());
            }
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let is_panicking = thread::panicking();
        self.end(if is_panicking {
            Outcome::Panicked
        } else {
            self.is_gone
        });
    }
}
