use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_core::{BoxError, Live, Secret};
use quick_cache::sync::Cache;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

use super::{
    KeyHasher, KeyRecord, KeyStore, Lookup,
    known::{Answer, State, Times},
};

/// A store of keys that somebody else has, such as a database, behind a cache.
///
/// Each id is looked up once, whoever waits for it, and whoever goes away meanwhile: hits are kept for 30
/// seconds, and so long a revoked key may go on; misses for 5 seconds. When the look-up fails or takes longer
/// than a second, a hit of the last ten minutes goes on, and everything else is answered with 503: a store
/// that is down opens no door. That id is not looked up again for a second; others are, each by itself.
///
/// A look-up is a task of its own on the runtime of tokio, and at most 1024 go on at the same time: what is
/// more is answered as if the store were down.
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
    /// One for each look-up that goes on.
    places: Arc<Semaphore>,
}

/// What is known of one id.
struct Cell {
    known: Live<State>,
    /// The look-up that goes on, or was the last.
    flight: Mutex<Option<Flight>>,
}

/// A look-up, and what came of it.
type Flight = watch::Receiver<Option<Answer>>;

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
                places: Arc::new(Semaphore::new(MOST_LOOKUPS)),
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

    /// Sets how long a look-up may take, which is how long anybody waits for one.
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
        if let Some(record) = cell.known.load().fresh(&shared.times, Instant::now()) {
            return Lookup::Known(record);
        }
        let (shared, id) = (Arc::clone(shared), Box::<str>::from(id));
        Lookup::wait(async move { shared.look_up(&cell, id).await })
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
    /// Waits for a look-up, which others may wait for too.
    async fn look_up(
        self: Arc<Self>,
        cell: &Arc<Cell>,
        id: Box<str>,
    ) -> Result<Option<KeyRecord>, BoxError> {
        let answer = match self.flight(cell, id) {
            Ok(mut flight) => {
                let ended = flight.wait_for(Option::is_some).await;
                let answer = ended.ok().and_then(|answer| answer.clone());
                // The store panicked, or the runtime ends.
                answer.unwrap_or_else(|| self.without(cell, "the look-up ended early"))
            }
            Err(answer) => answer,
        };
        answer.map_err(|error| error.as_ref().into())
    }

    /// Returns the look-up of an id that goes on, or begins one; or what is known by now.
    fn flight(self: &Arc<Self>, cell: &Arc<Cell>, id: Box<str>) -> Result<Flight, Answer> {
        let mut flight = cell.flight.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cell.known.load().answer(&self.times, Instant::now());
        if let Some(answer) = known {
            return Err(answer);
        }
        if let Some(going) = flight.as_ref().filter(|flight| goes_on(flight)) {
            return Ok(going.clone());
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(self.without(cell, "too many keys are looked up at once"));
        };
        let (tell, told) = watch::channel(None);
        *flight = Some(told.clone());
        let (shared, cell) = (Arc::clone(self), Arc::clone(cell));
        tokio::spawn(async move {
            let answer = shared.learn(&cell, &id).await;
            tell.send_replace(Some(answer));
            drop(place);
        });
        Ok(told)
    }

    /// Looks an id up, and keeps what came of it.
    async fn learn(&self, cell: &Cell, id: &str) -> Answer {
        match self.fetch(id).await {
            Ok(record) => {
                cell.known.store(State {
                    found: Some((record.clone(), Instant::now())),
                    failed: None,
                });
                Ok(record)
            }
            Err(error) => {
                let why: Arc<str> = error.to_string().into();
                let state = State::clone(&cell.known.load());
                cell.known.store(State {
                    failed: Some((Arc::clone(&why), Instant::now())),
                    ..state
                });
                self.without(cell, &why)
            }
        }
    }

    /// Returns what is known without the store.
    fn without(&self, cell: &Cell, why: &str) -> Answer {
        let stale = cell.known.load().stale(&self.times, Instant::now());
        stale.ok_or_else(|| why.into())
    }

    async fn fetch(&self, id: &str) -> Result<Option<KeyRecord>, BoxError> {
        match self.store.find(id) {
            Lookup::Known(record) => Ok(record),
            Lookup::Wait(lookup) => timeout(self.times.limit, lookup).await?,
        }
    }
}

// ===== impl Cell =====

impl Cell {
    fn new() -> Self {
        Self {
            known: Live::new(State::default()),
            flight: Mutex::new(None),
        }
    }
}

/// Returns `true` as long as there is no answer, and somebody who will give one.
fn goes_on(flight: &Flight) -> bool {
    flight.borrow().is_none() && flight.has_changed().is_ok()
}

const CAPACITY: usize = 10_000;
/// More than any pool of connections has.
const MOST_LOOKUPS: usize = 1024;
