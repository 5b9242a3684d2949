use std::{num::NonZeroU32, sync::Arc};

use portcullis_core::Quota;

use super::{
    clock::Clock,
    guard::MAX_KEYS,
    key::Key,
    rate::{Admitted, OverQuota, Rate},
    store::{Spend, Store},
};

/// A quota for each key, in this process: what the layer is made of, for what is no request.
///
/// ```
/// use portcullis::{Quota, rate_limit::{Key, Limiter}};
///
/// // Updates over a WebSocket: one a second for each user.
/// let updates = Limiter::new(Quota::per_second(1));
/// let alice = Key::from_name("alice");
///
/// assert!(updates.check(&alice).is_ok());
/// assert!(updates.check(&alice).unwrap_err().wait() > std::time::Duration::ZERO);
/// ```
///
/// Clones share the counters. Memory is taken when it is made, and never grows.
#[derive(Clone, Debug)]
pub struct Limiter {
    rate: Arc<Rate>,
    clock: Clock,
    store: Arc<Store>,
}

/// A reading of a [`Limiter`]'s clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

// ===== impl Limiter =====

impl Limiter {
    /// Creates a limiter that gives each key `quota`, with [room](Self::with_keys) for 65,536 keys.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::with_keys(quota, MAX_KEYS)
    }

    /// Creates a limiter that gives each key `quota`, with room for so many keys that have spent something
    /// at the same time: 16 bytes for each, which is a place and a quarter. Places are in sets, some of
    /// which are full before others: with half as many keys one in 4,000 finds none, with all of them
    /// one in 20. Those share a quota with others of their set.
    #[must_use]
    pub fn with_keys(quota: Quota, max_keys: usize) -> Self {
        let store = Arc::new(Store::new(max_keys));
        Self {
            rate: Arc::new(Rate::new(quota, Arc::clone(&store))),
            clock: Clock::new(),
            store,
        }
    }

    /// Spends one request of a key's quota.
    ///
    /// # Errors
    ///
    /// Returns how long to wait if the quota is spent. Nothing is spent then.
    #[inline]
    pub fn check(&self, key: &Key<'_>) -> Result<Admitted, OverQuota> {
        self.check_at(key, self.now(), 1)
    }

    /// Returns the current time, for several checks.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    /// Spends `cost` requests of a key's quota, at a time that is known already.
    ///
    /// What costs more than a burst counts as a burst: otherwise it would never be admitted.
    ///
    /// # Errors
    ///
    /// Returns how long to wait if the quota is spent. Nothing is spent then.
    #[inline(always)]
    pub fn check_at(
        &self,
        key: &Key<'_>,
        now: Timestamp,
        cost: u32,
    ) -> Result<Admitted, OverQuota> {
        let key = Spend::new(self.store.hash(key), 0, now.0);
        match NonZeroU32::new(cost) {
            Some(cost) => self.rate.spend(&key, cost),
            None => Ok(self.rate.standing(self.store.full_in(key.hash(), now.0))),
        }
    }

    /// How many checks shared a quota because their part of the table was full.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.store.overflows()
    }

    /// The bytes that the counters take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }
}
