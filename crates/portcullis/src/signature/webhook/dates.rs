//! When a webhook is good.

use portcullis_core::{Reason, WallClock};

/// The date of one webhook.
pub(super) struct Dates {
    pub(super) clock: WallClock,
    /// When it was sent, in seconds since 1970.
    pub(super) sent: u64,
    /// By how many seconds that may differ from the current time.
    pub(super) tolerance: u64,
}

// ===== impl Dates =====

impl Dates {
    /// Returns the current time, in seconds since 1970, if the webhook is good then.
    pub(super) fn judge(&self) -> Result<u64, Reason> {
        let now = self.clock.unix();
        if self.sent > now.saturating_add(self.tolerance) {
            Err(Reason::NotYetValid)
        } else if now > self.until() {
            Err(Reason::Expired)
        } else {
            Ok(now)
        }
    }

    /// Returns until when it is good, in seconds since 1970. Included.
    pub(super) const fn until(&self) -> u64 {
        self.sent.saturating_add(self.tolerance)
    }
}
