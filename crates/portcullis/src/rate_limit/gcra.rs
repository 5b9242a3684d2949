//! The generic cell rate algorithm (ITU-T I.371, annex A), in whole nanoseconds.

use std::time::Duration;

use portcullis_core::Quota;

/// A quota as the algorithm needs it.
///
/// A key is its theoretical arrival time (TAT): when its quota is full again. A request moves the TAT
/// on by an emission interval, and is refused if it would then be later than the burst tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// The time in which one request refills.
    interval: u64,
    /// The time in which a burst refills.
    window: u64,
    burst: u32,
}

/// After how many nanoseconds a key's quota is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed(pub(super) u64);

/// After how many nanoseconds a request would not have been refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) u64);

// ===== impl Rate =====

impl Rate {
    pub(super) fn new(quota: Quota) -> Self {
        let interval = nanos(quota.refill_interval());
        let burst = quota.max_burst();
        Self {
            interval,
            // A quota refills within 100 years: below 2^62.
            window: interval * u64::from(burst),
            burst,
        }
    }

    /// Spends at `now`, for a key with this theoretical arrival time. Returns the new one.
    #[inline]
    pub(super) fn spend(&self, tat: u64, now: u64, price: u64) -> Result<u64, Refused> {
        let after = tat.max(now) + price;
        match (after - now).checked_sub(self.window) {
            None | Some(0) => Ok(after),
            Some(over) => Err(Refused(over)),
        }
    }

    /// How many requests would be admitted at once.
    #[inline]
    pub(super) const fn left(&self, owed: Owed) -> u32 {
        // At most the burst, which is one.
        (self.window.saturating_sub(owed.0) / self.interval) as u32
    }

    /// After how many nanoseconds one more request would be admitted; 0 if the quota is full.
    #[inline]
    pub(super) const fn until_more(&self, owed: Owed) -> u64 {
        match owed.0 {
            0 => 0,
            owed => (owed - 1) % self.interval + 1,
        }
    }

    /// Returns a key's TAT after a change of rate from `old`: it has spent as many requests, and
    /// no more than a burst.
    pub(super) fn convert(&self, old: &Self, tat: u64, now: u64) -> u64 {
        let owed = u128::from(tat.saturating_sub(now));
        let owed = (owed * u128::from(self.interval)).div_ceil(u128::from(old.interval));
        let owed = u64::try_from(owed).unwrap_or(u64::MAX);
        now + owed.min(self.window)
    }

    /// The time in which a burst refills.
    pub(super) const fn window(&self) -> u64 {
        self.window
    }

    /// The time in which so many requests refill. What costs more than a burst would never be
    /// admitted, so nothing does.
    #[inline]
    pub(super) fn price(&self, cost: u32) -> u64 {
        match cost {
            1 => self.interval,
            _ => self.interval * u64::from(cost.clamp(1, self.burst)),
        }
    }
}

/// Nanoseconds; those of 584 years if it is longer.
#[inline]
pub(super) fn nanos(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(duration.subsec_nanos()))
}
