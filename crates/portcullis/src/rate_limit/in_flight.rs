use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderName, request};
use portcullis_core::{
    Count, Counts, Facts, Guard, Need, Rejection, RejectionKind, Reply, Verdict,
    guard::{Note, Permit, Permits},
};

use super::{
    KeyBy,
    fields::{RATELIMIT, RATELIMIT_POLICY},
    key::{Secret, Unknown},
    text::Text,
};
use crate::engine::{Alone, Plain, Wrapped};

/// Admits at most so many requests of a client at the same time. Clones share the count.
///
/// A request is in flight until the server has taken the last byte of its answer, or until the
/// client is gone; one that an edge refused, also until what is left of its body was read.
/// Upgraded connections are not counted once they are upgraded.
#[derive(Clone)]
pub struct InFlight {
    shared: Arc<Shared>,
    tells_all: bool,
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
/// let hello = service_fn(|_: Request<Full<Bytes>>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let service = InFlightLayer::new(1).layer(hello);
///
/// let first = service.clone().oneshot(Request::new(Full::default())).await?;
/// let second = service.clone().oneshot(Request::new(Full::default())).await?;
/// assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 429));
///
/// drop(first);
/// assert_eq!(service.oneshot(Request::new(Full::default())).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
pub type InFlightLayer = Alone<InFlight, (Plain, Wrapped)>;

struct Shared {
    most: u32,
    by: KeyBy,
    secret: Secret,
    counts: [Mutex<HashMap<u64, u32>>; SHARDS],
    refused: AtomicU64,
    unknown: Unknown,
}

// ===== impl InFlight =====

impl InFlight {
    /// Creates a guard that admits so many requests of a client address at the same time.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self::by(most, KeyBy::address())
    }

    /// Creates a guard that admits so many requests of a key at the same time.
    #[must_use]
    pub fn by(most: u32, by: KeyBy) -> Self {
        Self {
            shared: Arc::new(Shared {
                most,
                by,
                secret: Secret::random(),
                counts: Default::default(),
                refused: AtomicU64::new(0),
                unknown: Unknown::default(),
            }),
            tells_all: false,
        }
    }

    /// Whether every response says how many more there may be, in the fields of a
    /// [rate limit](super) with `qu="concurrent-requests"`; refusals always do. Off by default: it is
    /// another number a moment later.
    #[must_use]
    pub const fn headers(mut self, on: bool) -> Self {
        self.tells_all = on;
        self
    }

    pub(crate) fn most(&self) -> u32 {
        self.shared.most
    }

    /// How many clients have a request in flight.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        let shards = self.shared.counts.iter();
        shards
            .map(|shard| shard.lock().map_or(0, |counts| counts.len()))
            .sum()
    }

    /// Returns how many more there may be, if there may be this one.
    fn take(&self, hash: u64) -> Option<u32> {
        let mut counts = self.shared.shard(hash);
        let count = counts.get(&hash).copied().unwrap_or(0);
        let left = self.shared.most.checked_sub(count + 1)?;
        counts.insert(hash, count + 1);
        Some(left)
    }

    /// Writes the fields that say how many more there may be.
    fn tell(&self, left: u32, reply: &mut Reply) {
        let mut policy = Text::<1>::new();
        policy.item(POLICY);
        policy.number(";q=", u64::from(self.shared.most));
        policy.string(";qu=", "concurrent-requests");
        policy.write_to(reply, RATELIMIT_POLICY);
        let mut limit = Text::<1>::new();
        limit.item(POLICY);
        limit.number(";r=", u64::from(left));
        limit.write_to(reply, RATELIMIT);
    }

    fn refuse(&self) -> Rejection {
        self.shared.refused.fetch_add(1, Relaxed);
        Rejection::new(RejectionKind::RateLimited)
            .with_layer("in_flight")
            .with_detail("Too many requests at the same time")
            .with_violated_policy(POLICY)
            .with_retry_after(Duration::from_secs(1))
    }
}

impl Guard for InFlight {
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        let Some(key) = self.shared.by.key(head, Facts::of(&head.extensions)) else {
            return Verdict::Admit;
        };
        self.shared.unknown.note(&key);
        let hash = self.shared.secret.hash(&key);
        let Some(left) = self.take(hash) else {
            self.tell(0, reply);
            return self.refuse().into();
        };
        if self.tells_all {
            self.tell(left, reply);
        }
        reply.hold_permit(Permit::new(Arc::clone(&self.shared), [hash, 0]));
        Verdict::Admit
    }

    fn describe(&self) -> String {
        let Shared { most, by, .. } = &*self.shared;
        let unknown = &self.shared.unknown;
        format!("{most} at the same time for {by}{unknown}")
    }

    fn writes(&self) -> Vec<HeaderName> {
        let told = self.tells_all.then_some([RATELIMIT_POLICY, RATELIMIT]);
        told.into_iter().flatten().collect()
    }

    fn needs(&self) -> &'static [Need] {
        self.shared.by.needs()
    }

    fn counts(&self) -> Vec<Count> {
        let refused = Count::total(
            "portcullis_in_flight_refused",
            "Requests that were refused because too many of their client were in flight",
            self.shared.refused.load(Relaxed),
        );
        vec![refused.counted_by(&*self.shared)]
    }
}

/// A page of metrics may ask the guard itself.
impl Counts for InFlight {
    fn counts(&self) -> Vec<Count> {
        Guard::counts(self)
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

/// A permit's note is the hash of its client's key.
impl Permits for Shared {
    fn take_back(&self, [hash, _]: Note) {
        let mut counts = self.shard(hash);
        match counts.get_mut(&hash) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&hash)),
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
}

/// The policy's name in a refusal.
const POLICY: &str = "in-flight";
const SHARDS: usize = 16;
