use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use portcullis_core::{
    AuthScheme, Cause, Count, Counts, Facts, FailureStore, Guard, Lock, LockoutRule, Reason,
    Rejection, RejectionKind,
};

use super::{Locked, failures::Failures};
use crate::rate_limit::{
    Key,
    places::{Clock, client_key},
};

/// Locks clients out that fail to authenticate. Clones share everything. See the
/// [module docs](super).
#[derive(Clone)]
pub struct Lockout {
    pub(super) state: Arc<State>,
}

pub(super) struct State {
    pub(super) addresses: Failures,
    ids: Failures,
    ids_after: u32,
    max_keys: usize,
    clock: Clock,
    pub(super) store: Option<Arc<dyn FailureStore>>,
    failed: AtomicU64,
    locks: AtomicU64,
    refused: AtomicU64,
}

// ===== impl Lockout =====

impl Lockout {
    /// Creates a lockout by a rule.
    #[must_use]
    pub fn new(rule: LockoutRule) -> Self {
        Self::with(rule, IDS_AFTER, MAX_KEYS, None)
    }

    /// Sets after how many failures at a key's id, from wherever, the first failure there locks an address out.
    /// 255 at most are counted: more turns it off. Forgets what was counted.
    #[must_use]
    pub fn ids_after(&self, failures: u32) -> Self {
        let State { max_keys, .. } = *self.state;
        Self::with(*self.rule(), failures, max_keys, self.store())
    }

    /// Sets the room: for so many addresses, and so many ids, that have failures. 16 bytes each, taken now.
    /// Forgets what was counted.
    #[must_use]
    pub fn max_keys(&self, max_keys: usize) -> Self {
        Self::with(*self.rule(), self.state.ids_after, max_keys, self.store())
    }

    /// Counts failures of addresses together with other processes, through a store. Without an answer
    /// within 50 ms this process counts alone. Forgets what was counted.
    #[must_use]
    pub fn shared(&self, store: impl FailureStore) -> Self {
        let State {
            ids_after,
            max_keys,
            ..
        } = *self.state;
        Self::with(*self.rule(), ids_after, max_keys, Some(Arc::new(store)))
    }

    /// Puts the lockout around a guard that authenticates.
    pub fn around<G: Guard>(&self, guard: G) -> Locked<G> {
        Locked::new(self.clone(), guard)
    }

    /// Returns the rule.
    #[must_use]
    pub fn rule(&self) -> &LockoutRule {
        self.state.addresses.rule()
    }

    fn store(&self) -> Option<Arc<dyn FailureStore>> {
        self.state.store.clone()
    }

    fn with(
        rule: LockoutRule,
        ids_after: u32,
        max_keys: usize,
        store: Option<Arc<dyn FailureStore>>,
    ) -> Self {
        Self {
            state: Arc::new(State {
                addresses: Failures::new(rule, max_keys),
                ids: Failures::new(rule, max_keys),
                ids_after,
                max_keys,
                clock: Clock::new(),
                store,
                failed: AtomicU64::new(0),
                locks: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
        }
    }

    /// Refuses a request of a client that is locked out.
    #[inline]
    pub(super) fn check(&self, facts: &Facts) -> Result<(), Rejection> {
        let Some(key) = client_key(facts) else {
            return Ok(());
        };
        let now = self.now(facts);
        let locked_for = self.state.addresses.standing(&key, now).locked_for;
        if locked_for.is_zero() {
            return Ok(());
        }
        self.state.refused.fetch_add(1, Relaxed);
        Err(refuse(locked_for))
    }

    /// Notes a failure, of an id if it is known. Returns how the client stands then.
    #[cold]
    pub(super) fn fail(&self, facts: &Facts, id: Option<&str>) -> Option<Lock> {
        let key = client_key(facts)?;
        let now = self.now(facts);
        let state = &self.state;
        let at_id = id.map_or(0, |id| state.ids.add(&Key::from_name(id), now, 0).failures);
        let is_attacked = at_id > state.ids_after;
        let at_least = if is_attacked { self.rule().after() } else { 0 };
        let lock = state.addresses.add(&key, now, at_least);
        state.failed.fetch_add(1, Relaxed);
        state
            .locks
            .fetch_add(u64::from(!lock.locked_for.is_zero()), Relaxed);
        Some(lock)
    }

    pub(super) fn now(&self, facts: &Facts) -> u64 {
        self.state.clock.of_request(facts) / NANOS_PER_MILLI
    }
}

impl Default for Lockout {
    /// By [`LockoutRule::default`].
    fn default() -> Self {
        Self::new(LockoutRule::default())
    }
}

impl Counts for Lockout {
    fn counts(&self) -> Vec<Count> {
        let State {
            failed,
            locks,
            refused,
            addresses,
            ids,
            ..
        } = &*self.state;
        let total = |name, help, value: u64| {
            let total = Count::total(name, help, value);
            total.counted_by(&*self.state)
        };
        vec![
            total(
                "portcullis_lockout_failures",
                "Failed attempts to authenticate",
                failed.load(Relaxed),
            ),
            total(
                "portcullis_lockout_locks",
                "Failures that locked an address out, or longer",
                locks.load(Relaxed),
            ),
            total(
                "portcullis_lockout_refused",
                "Requests of addresses that were locked out",
                refused.load(Relaxed),
            ),
            total(
                "portcullis_lockout_overflow",
                "Failures that found no room, and lock nobody out",
                addresses.overflows() + ids.overflows(),
            ),
        ]
    }
}

/// For people: `5 failures lock an address out for 60 s, 3600 s at most`.
impl fmt::Display for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule();
        let (after, first, longest) = (rule.after(), rule.first(), rule.longest());
        write!(
            f,
            "{after} failures lock an address out for {} s, {} s at most",
            first.as_secs(),
            longest.as_secs()
        )
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lockout({self})")
    }
}

fn refuse(locked_for: Duration) -> Rejection {
    Rejection::new(RejectionKind::RateLimited)
        .with_layer("lockout")
        .with_detail("There were too many failed attempts.")
        .with_retry_after(locked_for)
        .with_cause(Cause::new(AuthScheme::Other, Reason::LockedOut))
}

/// NIST SP 800-63B, section 5.2.2.
const IDS_AFTER: u32 = 100;
const MAX_KEYS: usize = 1 << 16;
const NANOS_PER_MILLI: u64 = 1_000_000;
