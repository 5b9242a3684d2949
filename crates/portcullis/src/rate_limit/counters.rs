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
        let price = rate.price(cost);
        let tat = self
            .table
            .replace(hash, now, |tat| rate.spend(tat, now, price))?;
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
        let tat = rate.spend(self.table.read(hash), now, rate.price(cost))?;
        Ok(Owed(tat - now))
    }

    /// What a key owes.
    pub(super) fn owed(&self, hash: u64, now: u64) -> Owed {
        Owed(self.table.read(hash).saturating_sub(now))
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

    /// Goes over to another rate: every key has spent as many requests as before.
    pub(super) fn convert(&self, from: &Rate, to: &Rate, now: u64) {
        self.table.convert(|tat| to.convert(from, tat, now));
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
