//! Limiters of the crate [`governor`]: a guard over one, and a store of fixed size for it.
//!
//! # Example
//!
//! ```
//! use std::{net::IpAddr, num::NonZeroU32};
//!
//! use governor::{Quota, clock::DefaultClock};
//! use portcullis::{
//!     ClientIp, Edge, Facts, Slot,
//!     rate_limit::governed::{Governed, limiter},
//! };
//!
//! # fn main() -> Result<(), portcullis::ConfigError> {
//! let quota = Quota::per_second(NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN));
//! let limiter = limiter::<IpAddr, _>(quota, 65_536, DefaultClock::default());
//! let guard = Governed::new(limiter, |head| {
//!     Facts::of(&head.extensions).get().map(|ClientIp(ip)| *ip)
//! });
//! let edge = Edge::new().guard(Slot::RateLimit, guard).build()?;
//! # let _ = edge;
//! # Ok(())
//! # }
//! ```

use std::{
    fmt,
    hash::{BuildHasher, Hash},
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use foldhash::quality::RandomState;
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::{NoOpMiddleware, RateLimitingMiddleware},
    nanos::Nanos,
    state::{StateStore, keyed::KeyedStateStore},
};
use http::request;
use portcullis_core::{Count, Guard, Rejection, RejectionKind, Reply, Verdict};

use super::{store::LATEST, table::Table};

/// Admits requests until a governor limiter of your own refuses. Clones share it.
///
/// A request that is refused is answered with a 429 and `Retry-After`: whole seconds, rounded up, at
/// least 1. There are no `RateLimit` fields, as a limiter does not say how a request stands.
#[derive(Clone)]
pub struct Governed {
    name: Arc<str>,
    check: Arc<Check>,
    refused: Arc<AtomicU64>,
}

/// Returns how long to wait, if a request is refused.
type Check = dyn Fn(&request::Parts) -> Option<Duration> + Send + Sync;

/// A governor store of fixed size: 16 bytes for each key that has spent something at the same time.
///
/// A key whose quota is whole is forgotten to make room. When a part of the table is full of others,
/// new keys share one quota there until there is room. [`limiter`] makes a limiter over one.
pub struct FixedStore<K, C: Clock> {
    table: Table,
    hasher: RandomState,
    clock: C,
    start: C::Instant,
    keys: PhantomData<fn(K)>,
}

/// A governor limiter over a [`FixedStore`].
pub type FixedLimiter<K, C> =
    RateLimiter<K, FixedStore<K, C>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Creates a governor limiter over a [`FixedStore`] for so many keys.
///
/// The store must know when a quota is whole, so it has the limiter's clock, and begins with it.
pub fn limiter<K, C>(quota: Quota, keys: usize, clock: C) -> FixedLimiter<K, C>
where
    K: Hash + Eq + Clone,
    C: Clock + Clone,
{
    let store = FixedStore {
        table: Table::new(keys),
        hasher: RandomState::default(),
        start: clock.now(),
        clock: clock.clone(),
        keys: PhantomData,
    };
    RateLimiter::new(quota, store, clock)
}

// ===== impl Governed =====

impl Governed {
    /// Creates a guard that checks each request by its key. Requests for which there is none are
    /// admitted.
    ///
    /// Whoever chooses the key chooses whose quota is spent: take what was verified.
    pub fn new<K, S, C, MW>(
        limiter: impl Into<Arc<RateLimiter<K, S, C, MW>>>,
        key: impl Fn(&request::Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Self
    where
        K: Hash + 'static,
        S: KeyedStateStore<K> + Send + Sync + 'static,
        C: Clock + Send + Sync + 'static,
        MW: RateLimitingMiddleware<C::Instant, NegativeOutcome = NotUntil<C::Instant>>
            + Send
            + Sync
            + 'static,
    {
        let limiter = limiter.into();
        let check = move |head: &request::Parts| {
            let refused = limiter.check_key(&key(head)?).err()?;
            Some(refused.wait_time_from(limiter.clock().now()))
        };
        Self {
            name: "governor".into(),
            check: Arc::new(check),
            refused: Arc::default(),
        }
    }

    /// Sets the name that clients, `explain()` and the metric's label `policy` see. `governor` by
    /// default.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }
}

impl Guard for Governed {
    #[inline]
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let Some(wait) = (self.check)(head) else {
            return Verdict::Admit;
        };
        self.refused.fetch_add(1, Relaxed);
        let rejection = Rejection::new(RejectionKind::RateLimited).with_layer("governed");
        let rejection = rejection.with_violated_policy(self.name.to_string());
        rejection.with_retry_after(wait).into()
    }

    fn describe(&self) -> String {
        format!("{:?}: a governor limiter", self.name)
    }

    fn counts(&self) -> Vec<Count> {
        let refused = Count::total(
            "portcullis_governed_refused",
            "Requests that a governor limiter refused",
            self.refused.load(Relaxed),
        );
        let refused = refused.label("policy", self.name.to_string());
        vec![refused.counted_by(&*self.refused)]
    }
}

impl fmt::Debug for Governed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governed").finish_non_exhaustive()
    }
}

// ===== impl FixedStore =====

impl<K: Hash, C: Clock> StateStore for FixedStore<K, C> {
    type Key = K;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let now = || self.clock.now().duration_since(self.start).as_u64();
        let next = |before: u64| {
            let (positive, after) = measure((before > 0).then(|| Nanos::new(before)))?;
            Ok((positive, after.as_u64().min(LATEST)))
        };
        self.table.replace(self.hasher.hash_one(key), now, next)
    }
}

impl<K, C: Clock> fmt::Debug for FixedStore<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedStore")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
