use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use portcullis_core::{
    AuthScheme, BoxError, Cause, Noted, Reason, Rejection, RejectionKind, ReplayNote, ReplayStore,
};
use sha2::{Digest, Sha256};

/// Nonces in the memory of one process. Clones share them.
///
/// Each is kept until no signature with it is good any more, by the dates that it was noted with. It is
/// forgotten as others come, at most 32 with each: where none comes, none is forgotten. A store that is
/// full of such that are still good forgets none: it answers [`Noted::Full`], and the request is refused
/// with 503. A nonce takes at most about 200 bytes of memory: 203 were measured where each second has
/// one alone, and a second that has many takes less for each.
#[derive(Clone)]
pub struct MemoryReplays {
    most: usize,
    nonces: Arc<Mutex<Nonces>>,
}

#[derive(Default)]
struct Nonces {
    /// Until when each is kept.
    until: HashMap<[u8; 16], u64, foldhash::fast::RandomState>,
    /// Those that are kept until then.
    by_time: BTreeMap<u64, Vec<[u8; 16]>>,
}

// ===== impl MemoryReplays =====

impl MemoryReplays {
    /// Creates a store of at most so many nonces: requests a second, times the seconds that a signature
    /// is good, and as much again.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            nonces: Arc::default(),
        }
    }

    /// Returns how many nonces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|nonces| nonces.until.len())
    }

    /// Returns `true` if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, run: impl FnOnce(&mut Nonces) -> T) -> T {
        run(&mut self.nonces.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReplayStore for MemoryReplays {
    fn note(&self, note: &ReplayNote) -> Noted {
        self.with(|nonces| {
            nonces.forget(note.now);
            nonces.note(note, self.most)
        })
    }
}

impl fmt::Debug for MemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryReplays({} of {})", self.len(), self.most)
    }
}

// ===== impl Nonces =====

impl Nonces {
    fn note(&mut self, note: &ReplayNote, most: usize) -> Noted {
        let is_full = self.until.len() >= most;
        match self.until.entry(note.key) {
            Entry::Occupied(kept) if *kept.get() >= note.now => return Noted::Again,
            Entry::Occupied(mut passed) => drop(passed.insert(note.until)),
            Entry::Vacant(_) if is_full => return Noted::Full,
            Entry::Vacant(free) => drop(free.insert(note.until)),
        }
        self.by_time.entry(note.until).or_default().push(note.key);
        Noted::First
    }

    /// Forgets a few whose time has passed: more than come, and no more than a request may wait for.
    fn forget(&mut self, now: u64) {
        for _ in 0..FORGOTTEN {
            let Some(mut first) = self
                .by_time
                .first_entry()
                .filter(|first| *first.key() < now)
            else {
                return;
            };
            let until = *first.key();
            let Some(key) = first.get_mut().pop() else {
                first.remove();
                continue;
            };
            // It may have been noted anew.
            if self.until.get(&key) == Some(&until) {
                self.until.remove(&key);
            }
        }
        let is_sparse = self.until.len() < self.until.capacity() / 8;
        if is_sparse && self.until.capacity() > SMALL {
            self.until.shrink_to(self.until.len() * 2);
        }
    }
}

/// Returns what to note of something that is used, and good `until` then: each scheme and key has its own.
pub(super) fn note(scheme: &str, key: &str, nonce: &str, now: u64, until: u64) -> ReplayNote {
    let mut digest = Sha256::new();
    for part in [scheme, key, nonce] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&digest.finalize()[..16]);
    ReplayNote::new(half, now, until.saturating_add(SLACK))
}

/// `true` for a first use, or why it can't be known.
pub(super) type Used = Result<bool, Rejection>;
pub(super) type Waiting = Pin<Box<dyn Future<Output = Used> + Send>>;

/// Returns what a store said, or what must be waited for. A store that is down, or full, opens no door.
pub(super) fn asked(noted: Noted, scheme: AuthScheme) -> Result<Used, Waiting> {
    Ok(match noted {
        Noted::First => Ok(true),
        Noted::Again => Ok(false),
        Noted::Full => {
            tracing::warn!(target: "portcullis", %scheme, "the store of nonces is full");
            Err(unavailable(scheme))
        }
        Noted::Wait(wait) => {
            let waiting = async move { wait.await.map_err(|error| failed(&error, scheme)) };
            return Err(Box::pin(waiting));
        }
    })
}

fn failed(error: &BoxError, scheme: AuthScheme) -> Rejection {
    tracing::warn!(target: "portcullis", error, %scheme, "the store of nonces failed");
    unavailable(scheme)
}

fn unavailable(scheme: AuthScheme) -> Rejection {
    let cause = Cause::new(scheme, Reason::Unavailable);
    Rejection::new(RejectionKind::Unavailable)
        .with_layer("signature")
        .with_cause(cause)
}

/// For how many seconds more than it is good each is remembered: servers that share a store have clocks
/// that differ, and a store far away hears of a use later than it was judged.
const SLACK: u64 = 10;

/// With each one that is noted.
const FORGOTTEN: usize = 32;

/// A table of so many is not worth making smaller.
const SMALL: usize = 1 << 12;
