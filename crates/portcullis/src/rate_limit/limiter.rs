use std::{num::NonZeroU32, time::Duration};

use governor::{RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware};
use portcullis_core::Quota;

use super::{
    clock::Clock,
    fields::{Fields, HeaderDraft},
    key::Key,
    store::BoundedStore,
};

/// One quota, and who spent how much of it.
pub(super) struct Limiter {
    pub(super) quota: Quota,
    pub(super) fields: Fields,
    clock: Clock,
    governor: RateLimiter<Key, BoundedStore, Clock, StateInformationMiddleware>,
}

impl Limiter {
    #[inline]
    pub(super) fn new(quota: Quota, max_keys: usize, headers: Option<HeaderDraft>) -> Self {
        let clock = Clock::new();
        let store = BoundedStore::new(max_keys, clock);
        Self {
            quota,
            fields: Fields::new(quota, headers),
            clock,
            governor: RateLimiter::new(to_governor(quota), store, clock),
        }
    }

    /// Spends one request. Says how many are left, or how long to wait.
    pub(super) fn spend(&self, key: Key) -> Result<u32, Duration> {
        match self.governor.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.clock.now())),
        }
    }
}

fn to_governor(quota: Quota) -> governor::Quota {
    let burst = NonZeroU32::new(quota.max_burst()).unwrap_or(NonZeroU32::MIN);
    // A quota's interval is never 0.
    governor::Quota::with_period(quota.refill_interval())
        .unwrap_or(governor::Quota::per_second(burst))
        .allow_burst(burst)
}
