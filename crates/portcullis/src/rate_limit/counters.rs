use std::{convert::Infallible, fmt};

use super::{
    gcra::{Owed, Rate, Refused},
    key::{Key, Secret},
    table::Table,
};

/// Who spent how much, and the secret that says where it is kept.
pub(super) struct Counters {
    secret: Secret,
    table: Table,
}

impl Counters {
    pub(super) fn new(max_keys: usize) -> Self {
        Self {
            secret: Secret::random(),
            table: Table::new(max_keys),
        }
    }

    /// Creates counters of which nothing is spent, and in which every key has the same hash.
    pub(super) fn emptied(&self, max_keys: usize) -> Self {
        Self {
            secret: self.secret.clone(),
            table: Table::new(max_keys),
        }
    }

    #[inline]
    pub(super) fn hash(&self, key: &Key<'_>) -> u64 {
        self.secret.hash(key)
    }

    /// Returns the opaque partition key of a key.
    #[inline]
    pub(super) fn partition_key(&self, key: &Key<'_>) -> u64 {
        self.secret.partition_key(key)
    }

    /// Spends `cost` requests, or says how long to wait.
    #[inline]
    pub(super) fn spend(
        &self,
        hash: u64,
        rate: &Rate,
        now: u64,
        cost: u32,
    ) -> Result<Owed, Refused> {
        self.spend_from(0, hash, rate, now, cost)
    }

    /// The same for a key whose TAT is at least `floor`.
    #[inline]
    pub(super) fn spend_from(
        &self,
        floor: u64,
        hash: u64,
        rate: &Rate,
        now: u64,
        cost: u32,
    ) -> Result<Owed, Refused> {
        let price = rate.price(cost);
        let next = |tat: u64| rate.spend(tat.max(floor), now, price);
        let tat = self.table.replace(hash, now, next)?;
        Ok(Owed(tat - now))
    }

    /// What [`spend`](Self::spend) would say.
    pub(super) fn peek(
        &self,
        hash: u64,
        rate: &Rate,
        now: u64,
        cost: u32,
    ) -> Result<Owed, Refused> {
        let after = rate.spend(self.tat(hash), now, rate.price(cost))?;
        Ok(Owed(after - now))
    }

    /// Refunds what was spent.
    pub(super) fn refund(&self, hash: u64, rate: &Rate, now: u64, cost: u32) {
        self.table.lower(hash, now, rate.price(cost));
    }

    /// Forgets what a key owes beyond a burst: it was spent at another rate.
    pub(super) fn clamp(&self, hash: u64, rate: &Rate, now: u64) {
        let over = self.owed(hash, now).0.saturating_sub(rate.window());
        if over > 0 && self.table.has_place(hash) {
            self.table.lower(hash, now, over);
        }
    }

    /// Returns a key's theoretical arrival time.
    pub(super) fn tat(&self, hash: u64) -> u64 {
        self.table.read(hash)
    }

    /// What a key owes.
    pub(super) fn owed(&self, hash: u64, now: u64) -> Owed {
        Owed(self.tat(hash).saturating_sub(now))
    }

    /// Notes what a key owes elsewhere, unless it owes more here.
    pub(super) fn learn(&self, hash: u64, now: u64, owed: Owed) {
        if owed.0 == 0 {
            return;
        }
        let learned = now.saturating_add(owed.0).min(u64::MAX >> 1);
        let learn = |tat: u64| Ok::<_, Infallible>(tat.max(learned));
        let Ok(_) = self.table.replace(hash, now, learn);
    }

    /// How many requests shared a quota because their part of the table was full.
    pub(super) fn overflows(&self) -> u64 {
        self.table.overflows()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}
