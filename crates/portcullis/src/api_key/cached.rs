use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{BoxError, Live, Secret};
use quick_cache::sync::Cache;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::{KeyHasher, KeyRecord, KeyStore, Lookup};

/// A store of keys that somebody else has, such as a database, behind a cache.
///
/// Each id is looked up once, whoever waits for it: hits are kept for 30 seconds, and so long a revoked
/// key may go on; misses for 5 seconds. When the look-up fails or takes longer than a second, a hit of the
/// last ten minutes goes on, and everything else is answered with 503: a store that is down opens no
/// door, and it is left alone for a second.
///
/// ```
/// use portcullis::api_key::{ApiKeyLayer, CachedKeys, KeyRecord, Lookup};
///
/// # async fn select(_: String) -> Result<Option<KeyRecord>, std::io::Error> { Ok(None) }
/// let store = CachedKeys::new(|id: &str| Lookup::wait(select(id.to_owned())));
/// let layer = ApiKeyLayer::new(store);
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct CachedKeys {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    store: Arc<dyn KeyStore>,
    hasher: KeyHasher,
    cache: Arc<Cache<String, Arc<Cell>>>,
    times: Times,
}

#[derive(Clone, Copy)]
struct Times {
    hit: Duration,
    miss: Duration,
    stale: Duration,
    limit: Duration,
}

/// What is known of one id.
struct Cell {
    known: Live<State>,
    /// Held by the one that looks the id up.
    looking: Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    found: Option<(Option<KeyRecord>, Instant)>,
    failed: Option<(Arc<str>, Instant)>,
}

// ===== impl CachedKeys =====

impl CachedKeys {
    /// Creates a cache of 10,000 ids, known or not, in front of a store. A scan through unknown ids does not
    /// push out those that are used.
    pub fn new(store: impl KeyStore) -> Self {
        let hasher = store.hasher().clone();
        Self {
            shared: Arc::new(Shared {
                store: Arc::new(store),
                hasher,
                cache: Arc::new(Cache::new(CAPACITY)),
                times: Times::DEFAULT,
            }),
        }
    }

    /// Sets a pepper: the digests in the store are made by HMAC-SHA-256 with it.
    #[must_use]
    pub fn with_pepper(self, pepper: &Secret) -> Self {
        self.map(|shared| shared.hasher = KeyHasher::hmac_sha256(pepper))
    }

    /// Sets how many ids are kept, known or not: at least 1.
    #[must_use]
    pub fn with_capacity(self, ids: usize) -> Self {
        self.map(|shared| shared.cache = Arc::new(Cache::new(ids.max(1))))
    }

    /// Sets how long what is known is believed: of keys that are there, and of those that are not.
    #[must_use]
    pub fn keep(self, hits: Duration, misses: Duration) -> Self {
        self.map(|shared| {
            (shared.times.hit, shared.times.miss) = (hits, misses);
        })
    }

    /// Sets for how long a key goes on that was found before the store went down.
    #[must_use]
    pub fn keep_when_down(self, stale: Duration) -> Self {
        self.map(|shared| shared.times.stale = stale)
    }

    /// Sets how long a look-up may take.
    #[must_use]
    pub fn with_time_limit(self, limit: Duration) -> Self {
        self.map(|shared| shared.times.limit = limit)
    }

    /// Forgets what is known of a key: one that was revoked.
    pub fn forget(&self, id: &str) {
        self.shared.cache.remove(id);
    }

    fn map(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Shared::clone(&self.shared);
        change(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl KeyStore for CachedKeys {
    fn find(&self, id: &str) -> Lookup {
        let shared = &self.shared;
        let now = Instant::now();
        let cell = match shared.cache.get(id) {
            Some(cell) => cell,
            None => {
                let cell = Arc::new(Cell::new());
                let cell = shared
                    .cache
                    .get_or_insert_with(id, || Ok::<_, BoxError>(cell));
                cell.unwrap_or_else(|_| Arc::new(Cell::new()))
            }
        };
        if let Some(record) = cell.known.load().fresh(&shared.times, now) {
            return Lookup::Known(record);
        }
        let (shared, id) = (Arc::clone(shared), Box::<str>::from(id));
        Lookup::wait(async move { shared.look_up(&cell, &id, now).await })
    }

    fn hasher(&self) -> &KeyHasher {
        &self.shared.hasher
    }
}

impl fmt::Debug for CachedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedKeys")
            .field("ids", &self.shared.cache.len())
            .finish_non_exhaustive()
    }
}

// ===== impl Shared =====

impl Shared {
    /// Looks an id up, unless another request has done so meanwhile.
    async fn look_up(
        &self,
        cell: &Cell,
        id: &str,
        asked: Instant,
    ) -> Result<Option<KeyRecord>, BoxError> {
        let _looking = cell.looking.lock().await;
        let state = State::clone(&cell.known.load());
        let now = Instant::now();
        if let Some(record) = state.fresh(&self.times, now) {
            return Ok(record);
        }
        if let Some(error) = state.recent_failure(asked, now) {
            return state.stale(&self.times, now).ok_or(error);
        }
        match self.fetch(id).await {
            Ok(record) => {
                cell.known.store(State {
                    found: Some((record.clone(), Instant::now())),
                    failed: None,
                });
                Ok(record)
            }
            Err(error) => {
                let now = Instant::now();
                let stale = state.stale(&self.times, now);
                cell.known.store(State {
                    failed: Some((error.to_string().into(), now)),
                    ..state
                });
                stale.ok_or(error)
            }
        }
    }

    async fn fetch(&self, id: &str) -> Result<Option<KeyRecord>, BoxError> {
        match self.store.find(id) {
            Lookup::Known(record) => Ok(record),
            Lookup::Wait(lookup) => timeout(self.times.limit, lookup).await?,
        }
    }
}

// ===== impl Times =====

impl Times {
    const DEFAULT: Self = Self {
        hit: Duration::from_secs(30),
        miss: Duration::from_secs(5),
        stale: Duration::from_secs(600),
        limit: Duration::from_secs(1),
    };
}

// ===== impl Cell =====

impl Cell {
    fn new() -> Self {
        Self {
            known: Live::new(State::default()),
            looking: Mutex::new(()),
        }
    }
}

// ===== impl State =====

impl State {
    /// Returns what is known for certain.
    fn fresh(&self, times: &Times, now: Instant) -> Option<Option<KeyRecord>> {
        let (record, at) = self.found.as_ref()?;
        let keep = if record.is_some() {
            times.hit
        } else {
            times.miss
        };
        (now.duration_since(*at) < keep).then(|| record.clone())
    }

    /// Returns a key that was there not long ago.
    fn stale(&self, times: &Times, now: Instant) -> Option<Option<KeyRecord>> {
        let (record, at) = self.found.as_ref()?;
        let is_young = now.duration_since(*at) < times.stale;
        (is_young && record.is_some()).then(|| record.clone())
    }

    /// Returns why the store can't be reached, if that is known: since this request waits, or
    /// for less than a second.
    fn recent_failure(&self, asked: Instant, now: Instant) -> Option<BoxError> {
        let (error, at) = self.failed.as_ref()?;
        let is_recent = *at >= asked || now.duration_since(*at) < REST;
        is_recent.then(|| error.to_string().into())
    }
}

const CAPACITY: usize = 10_000;
/// How long a store that failed is left alone.
const REST: Duration = Duration::from_secs(1);
