use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::{AcqRel, Acquire, Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use portcullis_core::{BoxError, ConfigError, Count, Reason};
use tokio::{runtime::Handle, sync::watch, task::AbortHandle, time::timeout};

use super::{RemoteKeysBuilder, refresh, shared::Shared};
use crate::jwt::{JwtKey, keys::Found, token::Wanted};

/// Keys that are fetched from their issuer, and again in the background. See the
/// [module docs](super).
///
/// Clones share them, and one task.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Owner>);

/// Ends the task with the last clone.
struct Owner {
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

/// Ready when a fetch has ended, or has taken too long.
pub(in crate::jwt) type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

// ===== impl RemoteKeys =====

impl RemoteKeys {
    /// Creates keys that are fetched from a URL. Nothing is fetched before the first request, or
    /// [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// Returns an error unless it is an `https` URL with a host, without credentials and without a
    /// fragment.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::builder(url).build()
    }

    /// Returns a builder of keys that are fetched from a URL, for what has a default.
    pub fn builder(url: &str) -> RemoteKeysBuilder {
        RemoteKeysBuilder::at(url)
    }

    /// Returns a builder of keys that a function fetches, once for each call: by a client of your own,
    /// from a file or from memory.
    ///
    /// ```
    /// use portcullis::jwt::RemoteKeys;
    ///
    /// # fn main() -> Result<(), portcullis::ConfigError> {
    /// let keys = RemoteKeys::from_fn(|| async { tokio::fs::read("/run/keys/jwks.json").await });
    /// let keys = keys.build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn<F, B, E>(fetch: impl Fn() -> F + Send + Sync + 'static) -> RemoteKeysBuilder
    where
        F: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<BoxError>,
    {
        RemoteKeysBuilder::from_source(Arc::new(move || {
            let fetched = fetch();
            Box::pin(async { fetched.await.map(Into::into).map_err(Into::into) })
        }))
    }

    pub(super) fn from_shared(shared: Shared) -> Self {
        Self(Arc::new(Owner {
            shared: Arc::new(shared),
            task: Mutex::default(),
        }))
    }

    /// Starts to fetch, so that the first request need not wait. Does nothing outside a tokio runtime:
    /// the first request starts it then.
    pub fn start(&self) {
        let shared = self.shared();
        if shared.is_running.load(Acquire) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        // At once, so that whoever sees that it runs also sees that a fetch is on its way.
        let mut flight = shared.flight();
        if shared.is_running.swap(true, AcqRel) {
            return;
        }
        flight.start();
        drop(flight);
        let task = runtime.spawn(refresh::run(refresh::Running(Arc::clone(shared))));
        let mut place = self.0.task.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(task.abort_handle());
    }

    /// Starts to fetch, waits for a fetch that is under way, and returns `true` if there are keys that
    /// may be used.
    ///
    /// Takes no longer than a fetch may.
    pub async fn ready(&self) -> bool {
        self.start();
        let waiting = self.join();
        if let Some(ended) = waiting {
            self.wait(ended).await;
        }
        let known = self.shared().known.load();
        known.usable(self.shared().timing.max_stale).is_some()
    }

    /// Returns how long ago the keys were fetched. Nothing, if they never were.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.shared().known.load().age()
    }

    /// Looks for a key, and may want to wait for it.
    pub(in crate::jwt) fn find(&self, wanted: &Wanted) -> Found {
        match self.find_now(wanted) {
            Ok(key) => Found::Key(key),
            Err(reason) => {
                let ended = match reason {
                    Reason::UnknownKey if wanted.key.is_some() => self.demand(),
                    Reason::Unavailable => self.join(),
                    _ => None,
                };
                let waiting = ended.and_then(|ended| self.waiting(ended));
                waiting.map_or(Found::Nothing(reason), Found::Wait)
            }
        }
    }

    /// Looks for a key among those that are there.
    pub(in crate::jwt) fn find_now(&self, wanted: &Wanted) -> Result<JwtKey, Reason> {
        self.start();
        let known = self.shared().known.load();
        let keys = known.usable(self.shared().timing.max_stale);
        keys.ok_or(Reason::Unavailable)?.find(wanted)
    }

    pub(in crate::jwt) fn counts(&self, issuer: &str) -> Vec<Count> {
        let shared = self.shared();
        let (fetches, failures) = (&shared.fetches, &shared.failures);
        let mut counts = vec![
            Count::total(
                "portcullis_jwks_fetches",
                "How often keys of tokens were fetched, or that was tried",
                fetches.load(Relaxed),
            ),
            Count::total(
                "portcullis_jwks_failures",
                "How often keys of tokens could not be fetched",
                failures.load(Relaxed),
            ),
        ];
        counts.extend(self.age().map(|age| {
            let help = "How long ago keys of tokens were fetched";
            Count::gauge("portcullis_jwks_age_seconds", help, age.as_secs())
        }));
        let labelled = counts
            .into_iter()
            .map(|count| count.label("issuer", issuer).counted_by(shared));
        labelled.collect()
    }

    /// Joins a fetch, or demands one.
    fn demand(&self) -> Option<watch::Receiver<u64>> {
        let mut flight = self.shared().flight();
        let (was_pending, may_wait) = (flight.is_pending(), flight.demand());
        if !was_pending && may_wait {
            self.shared().demanded.notify_one();
        }
        // Before the flight may end.
        may_wait.then(|| self.shared().ended.subscribe())
    }

    /// Joins a fetch, if there is one.
    fn join(&self) -> Option<watch::Receiver<u64>> {
        let flight = self.shared().flight();
        flight.is_pending().then(|| self.shared().ended.subscribe())
    }

    /// Nothing, if too many wait already.
    fn waiting(&self, ended: watch::Receiver<u64>) -> Option<Waiting> {
        let place = Arc::clone(&self.shared().places).try_acquire_owned().ok()?;
        let keys = self.clone();
        Some(Box::pin(async move {
            keys.wait(ended).await;
            drop(place);
        }))
    }

    async fn wait(&self, mut ended: watch::Receiver<u64>) {
        // Late or not, what there is then counts.
        let _ = timeout(self.shared().timing.limit, ended.changed()).await;
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }
}

/// For people: where they are, and how often they are fetched.
impl fmt::Display for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        let every = shared.timing.every;
        write!(f, "keys from {}, every {every:?}", shared.place)
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteKeys({self})")
    }
}

// ===== impl Owner =====

impl Drop for Owner {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}
