//! Where keys' theoretical arrival times are kept, and the stores that governor sees.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use governor::{nanos::Nanos, state::StateStore};

use super::{
    key::{Key, Secret},
    rate::Rate,
    table::Table,
};

/// Theoretical arrival times by key, and the secret that says where each is.
pub(super) struct Store {
    secret: Secret,
    table: Table,
    /// How often something was forgotten.
    clamps: AtomicU64,
}

/// The store of a governor limiter that spends, and begins now.
pub(super) struct Spending(pub(super) Arc<Store>);

/// A key that spends now, as governor has it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Spend {
    hash: u64,
    /// The theoretical arrival time is at least this.
    floor: u64,
    now: u64,
    full_in: Cell<u64>,
}

/// The store of a governor limiter that looks. What governor makes of a state is not kept.
pub(super) struct Looking;

/// After how many nanoseconds a key's quota is full again: the key, where governor looks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct FullIn(pub(super) u64);

// ===== impl Store =====

impl Store {
    pub(super) fn new(max_keys: usize) -> Self {
        Self::with(Secret::random(), max_keys)
    }

    /// Creates a store of which nothing is spent, and in which every key has the same hash.
    pub(super) fn emptied(&self, max_keys: usize) -> Self {
        Self::with(self.secret.clone(), max_keys)
    }

    fn with(secret: Secret, max_keys: usize) -> Self {
        Self {
            secret,
            table: Table::new(max_keys),
            clamps: AtomicU64::new(0),
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

    /// Returns a key's theoretical arrival time.
    pub(super) fn tat(&self, hash: u64) -> u64 {
        self.table.read(hash)
    }

    /// Returns after how many nanoseconds a key's quota is full again.
    pub(super) fn full_in(&self, hash: u64, now: u64) -> u64 {
        self.tat(hash).saturating_sub(now)
    }

    /// Charges a key, whether its quota allows it or not: the response came of it. At most a burst
    /// beyond what it had. Its theoretical arrival time is at least `floor`.
    pub(super) fn charge(&self, hash: u64, floor: u64, rate: &Rate, now: u64, cost: u32) {
        let (price, latest) = (rate.price(cost), now + rate.longest());
        let after = |tat: u64| (tat.max(floor).max(now) + price).min(latest);
        self.raise(hash, now, after);
    }

    /// Refunds what was charged.
    pub(super) fn refund(&self, hash: u64, rate: &Rate, now: u64, cost: u32) {
        self.table.lower(hash, now, rate.price(cost));
    }

    /// Forgets what a key has spent beyond a burst, if that cannot have been charged at this rate.
    pub(super) fn clamp(&self, hash: u64, rate: &Rate, now: u64) {
        let full_in = self.full_in(hash, now);
        if full_in > rate.longest() && self.table.has_place(hash) {
            self.table.lower(hash, now, full_in - rate.window());
            self.clamps.fetch_add(1, Relaxed);
        }
    }

    /// How often a key was let off because it had another tier.
    pub(super) fn clamps(&self) -> u64 {
        self.clamps.load(Relaxed)
    }

    /// Notes when a key's quota is full elsewhere, unless it is later here.
    pub(super) fn learn(&self, hash: u64, now: u64, full_in: u64) {
        if full_in > 0 {
            self.raise(hash, now, |_| now.saturating_add(full_in));
        }
    }

    /// How many requests shared a quota because their part of the table was full.
    pub(super) fn overflows(&self) -> u64 {
        self.table.overflows()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.table.bytes()
    }

    fn raise(&self, hash: u64, now: u64, next: impl Fn(u64) -> u64) {
        let later = |tat: u64| Ok::<_, Infallible>(((), tat.max(next(tat)).min(LATEST)));
        let Ok(()) = self.table.replace(hash, || now, later);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}

// ===== impl Spending =====

impl StateStore for Spending {
    type Key = Spend;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, key: &Spend, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let next = |tat: u64| {
            let full_in = tat.max(key.floor).saturating_sub(key.now);
            let (positive, full_in) = measure(Some(Nanos::new(full_in)))?;
            key.full_in.set(full_in.as_u64());
            Ok((positive, key.now + full_in.as_u64()))
        };
        self.0.table.replace(key.hash, || key.now, next)
    }
}

// ===== impl Spend =====

impl Spend {
    /// Creates a key whose theoretical arrival time is at least `floor`.
    #[inline]
    pub(super) const fn new(hash: u64, floor: u64, now: u64) -> Self {
        Self {
            hash,
            floor,
            now,
            full_in: Cell::new(0),
        }
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns after how many nanoseconds the quota is full again, once something was spent.
    #[inline]
    pub(super) const fn full_in(&self) -> u64 {
        self.full_in.get()
    }
}

impl Hash for Spend {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

// ===== impl Looking =====

impl StateStore for Looking {
    type Key = FullIn;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, key: &FullIn, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        measure(Some(Nanos::new(key.0))).map(|(positive, _)| positive)
    }
}

/// Of the times that a table holds: 292 years.
pub(super) const LATEST: u64 = u64::MAX >> 1;
