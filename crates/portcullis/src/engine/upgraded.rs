//! Connections that became something else.

use std::sync::{Mutex, PoisonError};

use http::{StatusCode, response};
use portcullis_core::{Outcome, observe::Upgraded};

use super::{passage::Passage, watch::Watch};

/// An exchange that ends when this is dropped.
struct Lasting(Mutex<Watch>);

// ===== impl Passage =====

impl Passage {
    /// Whether a response of this status ends HTTP on its connection (RFC 9110, sections 9.3.6 and
    /// 15.2.2).
    pub(super) fn is_upgrade(&self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS || (self.is_connect && status.is_success())
    }

    /// Leaves the exchange to the server. What guards hold is given back now: their places are for
    /// requests.
    pub(super) fn leave_upgrade(&mut self, head: &mut response::Parts) {
        if !self.watch.is_on() {
            return;
        }
        self.watch.set_upgraded();
        let lasting = Lasting(Mutex::new(self.watch.take()));
        let upgraded: &mut Upgraded = head.extensions.get_or_insert_default();
        upgraded.add(lasting);
    }
}

// ===== impl Lasting =====

impl Drop for Lasting {
    fn drop(&mut self) {
        let watch = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        watch.end(Outcome::Complete);
    }
}
