//! One limiter over each store: ours, and governor's algorithm over maps and caches.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{StateStore, keyed::DashMapStateStore},
};
use portcullis::rate_limit::{Key, Limiter, Prefixes, Timestamp, governed::limiter};

/// A limiter that knows clients by their addresses.
pub(crate) trait Checks: Send + Sync {
    /// Whether one more request of that client is admitted.
    fn check(&self, client: u32) -> bool;
}

/// A store, by its name in the table.
#[derive(Clone, Copy)]
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) build: fn() -> Box<dyn Checks>,
}

/// Keys that the bounded ones are made for.
pub(crate) const KEYS: usize = 1 << 20;

/// The first is what the others are compared with.
pub(crate) const STORES: &[Store] = &[
    Store {
        name: "governor, DashMap",
        build: || governor(DashMapStateStore::<IpAddr>::default()),
    },
    Store {
        name: "governor, moka",
        build: || governor(Moka(moka::sync::Cache::new(KEYS as u64))),
    },
    Store {
        name: "governor, quick_cache",
        build: || governor(Quick(quick_cache::sync::Cache::new(KEYS))),
    },
    Store {
        name: "governor, scc `HashCache`",
        build: || governor(Scc(scc::HashCache::with_capacity(0, KEYS))),
    },
    Store {
        name: "governor, papaya",
        build: || governor(Papaya(papaya::HashMap::new())),
    },
    Store {
        name: FIXED,
        build: || Box::new(limiter::<IpAddr, _>(ten(), KEYS, DefaultClock::default())),
    },
    Store {
        name: "portcullis `Limiter`",
        build: || Box::new(own()),
    },
    Store {
        name: OURS,
        build: || Box::new(Below(own())),
    },
];

/// Our own, as a layer uses it.
pub(crate) const OURS: &str = "the same, at a known time";

/// governor over our table.
pub(crate) const FIXED: &str = "governor, portcullis `FixedStore`";

fn own() -> Limiter {
    Limiter::with_keys(portcullis::Quota::per_second(10), KEYS)
}

/// A limiter below a layer that read the clock: here every 64th check reads it for the others.
struct Below(Limiter);

thread_local! {
    static NOW: std::cell::Cell<(u32, Option<Timestamp>)> = const { std::cell::Cell::new((0, None)) };
}

// ===== impl Below =====

impl Below {
    fn now(&self) -> Timestamp {
        let (checks, known) = NOW.get();
        let known = known.filter(|_| !checks.is_multiple_of(64));
        let now = known.unwrap_or_else(|| self.0.now());
        NOW.set((checks.wrapping_add(1), Some(now)));
        now
    }
}

/// The time at which a key's quota is whole, in nanoseconds.
type Cell = Arc<AtomicU64>;

struct Moka(moka::sync::Cache<IpAddr, Cell>);
struct Quick(quick_cache::sync::Cache<IpAddr, Cell>);
struct Scc(scc::HashCache<IpAddr, Cell>);
struct Papaya(papaya::HashMap<IpAddr, Cell>);

impl Checks for Limiter {
    fn check(&self, client: u32) -> bool {
        let key = Key::from_address(Ipv4Addr::from_bits(client).into(), Prefixes::SUBSCRIBER);
        Self::check(self, &key).is_ok()
    }
}

impl Checks for Below {
    fn check(&self, client: u32) -> bool {
        let key = Key::from_address(Ipv4Addr::from_bits(client).into(), Prefixes::SUBSCRIBER);
        self.0.check_at(&key, self.now(), 1).is_ok()
    }
}

impl<S, C> Checks for RateLimiter<IpAddr, S, C, NoOpMiddleware<C::Instant>>
where
    S: StateStore<Key = IpAddr> + Send + Sync,
    C: Clock + Send + Sync,
    C::Instant: Send + Sync,
{
    fn check(&self, client: u32) -> bool {
        self.check_key(&Ipv4Addr::from_bits(client).into()).is_ok()
    }
}

fn governor<S>(store: S) -> Box<dyn Checks>
where
    S: StateStore<Key = IpAddr> + Send + Sync + 'static,
{
    Box::new(RateLimiter::new(ten(), store, DefaultClock::default()))
}

const fn ten() -> Quota {
    Quota::per_second(NonZeroU32::MIN.saturating_add(9))
}

/// Replaces a cell's time by what `f` makes of it.
fn replace<T, F, E>(cell: &AtomicU64, f: F) -> Result<T, E>
where
    F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
{
    let mut before = cell.load(Relaxed);
    loop {
        let (outcome, after) = f(Some(before).filter(|time| *time > 0).map(Nanos::new))?;
        match cell.compare_exchange_weak(before, after.as_u64(), Relaxed, Relaxed) {
            Ok(_) => return Ok(outcome),
            Err(now) => before = now,
        }
    }
}

impl StateStore for Moka {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, key: &IpAddr, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        replace(&self.0.get_with_by_ref(key, Cell::default), f)
    }
}

impl StateStore for Quick {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, key: &IpAddr, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Ok(cell) = self
            .0
            .get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Cell::default()));
        replace(&cell, f)
    }
}

impl StateStore for Scc {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, key: &IpAddr, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (_, entry) = self.0.entry_sync(*key).or_put_with(Cell::default);
        replace(&entry, f)
    }
}

impl StateStore for Papaya {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, key: &IpAddr, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        replace(self.0.pin().get_or_insert_with(*key, Cell::default), f)
    }
}
