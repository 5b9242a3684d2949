use std::{
    collections::HashMap,
    fmt,
    future::Pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::request;
use portcullis_core::{
    BodyLayer, Count, Counts, Facts, Gate, GateLayer, Guard, Held, Permit, ProblemJson, Rejection,
    RejectionKind, Verdict, body::WrapBody,
};
use tower_layer::Layer;

use super::{KeyBy, key::Secret};

/// Admits at most so many requests of a client at the same time. Clones share the count.
///
/// A request is in flight until the server has taken the last byte of its answer, or until the
/// client is gone.
/// Upgraded connections are not counted once they are upgraded.
#[derive(Clone)]
pub struct InFlight {
    shared: Arc<Shared>,
}

/// Applies [`InFlight`].
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use portcullis::rate_limit::InFlightLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::convert::Infallible> {
/// let hello = service_fn(|_: Request<()>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let service = InFlightLayer::new(1).layer(hello);
///
/// let first = service.clone().oneshot(Request::default()).await?;
/// let second = service.clone().oneshot(Request::default()).await?;
/// assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 429));
///
/// drop(first);
/// assert_eq!(service.oneshot(Request::default()).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct InFlightLayer<R = ProblemJson> {
    gate: GateLayer<Option<InFlight>, R>,
}

struct Shared {
    most: u32,
    by: KeyBy,
    secret: Secret,
    counts: [Mutex<HashMap<u64, u32>>; SHARDS],
    refused: AtomicU64,
}

/// A request's place. Given back with the last byte of the answer, or when it is dropped.
pub struct Place {
    taken: Option<Arc<Taken>>,
}

struct Taken {
    shared: Arc<Shared>,
    hash: u64,
}

// ===== impl InFlight =====

impl InFlight {
    /// Admits so many requests of a client address at the same time.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self::by(most, KeyBy::address())
    }

    /// Admits so many requests of a key at the same time.
    #[must_use]
    pub fn by(most: u32, by: KeyBy) -> Self {
        Self {
            shared: Arc::new(Shared {
                most,
                by,
                secret: Secret::random(),
                counts: Default::default(),
                refused: AtomicU64::new(0),
            }),
        }
    }

    /// How many clients have a request in flight.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        let shards = self.shared.counts.iter();
        shards
            .map(|shard| shard.lock().map_or(0, |counts| counts.len()))
            .sum()
    }

    fn take(&self, hash: u64) -> bool {
        let mut counts = self.shared.shard(hash);
        let count = counts.entry(hash).or_insert(0);
        let is_free = *count < self.shared.most;
        *count += u32::from(is_free);
        if *count == 0 {
            counts.remove(&hash);
        }
        is_free
    }

    fn refuse(&self) -> Rejection {
        self.shared.refused.fetch_add(1, Relaxed);
        Rejection::new(RejectionKind::RateLimited)
            .detail("Too many requests at the same time")
            .violates(POLICY)
            .retry_after(Duration::from_secs(1))
    }
}

impl Guard for InFlight {
    type Permit = Place;
    type Future = Pending<Result<Place, Rejection>>;

    fn admit(&self, head: &request::Parts) -> Verdict<Place, Self::Future> {
        let Some(key) = self.shared.by.key(head, Facts::of(&head.extensions)) else {
            return Verdict::Admit(Place { taken: None });
        };
        let hash = self.shared.secret.hash(&key);
        match self.take(hash) {
            true => Verdict::Admit(Place {
                taken: Some(Arc::new(Taken {
                    shared: Arc::clone(&self.shared),
                    hash,
                })),
            }),
            false => Verdict::Reject(self.refuse()),
        }
    }

    fn describe(&self) -> String {
        let Shared { most, by, .. } = &*self.shared;
        format!("{most} at the same time for {by}")
    }
}

impl Counts for InFlight {
    fn counts(&self) -> Vec<Count> {
        vec![Count::total(
            "portcullis_in_flight_refused",
            "Requests that were refused because too many of their client were in flight",
            self.shared.refused.load(Relaxed),
        )]
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InFlight({})", self.describe())
    }
}

// ===== impl Shared =====

impl Shared {
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, u32>> {
        let shard = &self.counts[hash as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Place =====

impl Permit for Place {
    fn on_request(&mut self, head: &mut request::Parts) {
        if let Some(taken) = &self.taken {
            Facts::of_mut(&mut head.extensions).hold(Held::new(Arc::clone(taken)));
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut counts = self.shared.shard(self.hash);
        match counts.get_mut(&self.hash) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.hash)),
        }
    }
}

// ===== impl InFlightLayer =====

impl InFlightLayer {
    /// Creates a layer that admits so many requests of a client address at the same time.
    #[must_use]
    pub fn new(most: u32) -> Self {
        InFlight::new(most).into()
    }

    /// Creates a layer that admits everything.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            gate: GateLayer::new(None),
        }
    }
}

impl<R> InFlightLayer<R> {
    /// Replaces the way rejections are answered.
    #[must_use]
    pub fn respond_with<T>(self, respond: T) -> InFlightLayer<T> {
        InFlightLayer {
            gate: self.gate.respond_with(respond),
        }
    }
}

impl From<InFlight> for InFlightLayer {
    fn from(guard: InFlight) -> Self {
        Self {
            gate: GateLayer::new(Some(guard)),
        }
    }
}

impl<S, R> Layer<S> for InFlightLayer<R>
where
    R: Clone,
{
    type Service = Gate<WrapBody<S>, Option<InFlight>, R>;

    fn layer(&self, inner: S) -> Self::Service {
        self.gate.layer(BodyLayer::new().layer(inner))
    }
}

/// The policy's name in a refusal.
const POLICY: &str = "in-flight";
const SHARDS: usize = 16;
