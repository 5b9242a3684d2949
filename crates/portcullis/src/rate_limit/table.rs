//! A table of fixed size, whatever the number of keys.
//!
//! Each key has a *tag* and one number: the time at which its quota is whole again. It grows while the
//! key owns its place; what is given back lowers it, but never to a time that has come. A place whose
//! time has come is free.
//!
//! - **Finding** a key and replacing its time is one compare-and-swap.
//! - **Claiming** a free place takes three writes: the time becomes a claim, the tag is replaced, the
//!   claim becomes the new time. Readers look at the time before the tag, and change the time only
//!   if it is still what they saw: nobody spends from a place that has changed hands.
//! - **No key has two places.** A claim takes the place with the earliest time, the first of equals,
//!   out of a set without claims. Times of free places only grow, so of two requests that look for a
//!   place for one key, the one that would take another place has seen an older set, and its swap fails.
//! - **A full set** of places whose time has not come gives none away. New keys then share one more
//!   number, until there is room; who finds room begins with that number.
//!
//! A key that has a place waits for nobody. One that has none waits for a claim in its set, which is
//! two stores away from its end. Nothing is allocated or swept after construction.

use std::{
    fmt,
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

/// Where keys keep the time, in nanoseconds, at which their quota is whole.
///
/// Times lie below 2^63.
pub(crate) struct Table {
    sets: Box<[Set]>,
    overflows: AtomicU64,
}

/// Places for keys that hash alike: two cache lines that are fetched together.
#[repr(align(128))]
struct Set {
    tags: [AtomicU32; WAYS],
    /// Shared by the keys that find no place.
    shared: AtomicU64,
    times: [AtomicU64; WAYS],
}

/// What a look at a whole set found.
enum Look {
    /// The key has a place after all.
    Found,
    /// Another request claims a place, right now: perhaps for the same key.
    Busy,
    /// The place with the earliest time, and that time.
    Earliest(usize, u64),
}

/// A place that another request has changed meanwhile.
struct Changed;

// ===== impl Table =====

impl Table {
    /// Creates a table that takes at most 16 bytes for each of `keys`, and has more places than that.
    pub(crate) fn new(keys: usize) -> Self {
        let sets = keys.saturating_mul(BYTES_PER_KEY) / size_of::<Set>();
        Self {
            sets: (0..sets.clamp(1, u32::MAX as usize))
                .map(|_| Set::new())
                .collect(),
            overflows: AtomicU64::new(0),
        }
    }

    /// The bytes that it takes, now and later.
    pub(crate) const fn bytes(&self) -> usize {
        self.sets.len() * size_of::<Set>()
    }

    /// How many requests shared a number because their set was full.
    pub(crate) fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// Replaces a key's time by what `next` makes of it, unless that is an error. Returns what it made
    /// beside.
    ///
    /// `next` gets the time before, which is 0 or past for a key without a place; it must return a
    /// later one. It may be called more than once. `now` is read only if a place must be claimed.
    #[inline]
    pub(crate) fn replace<T, E>(
        &self,
        hash: u64,
        now: impl FnOnce() -> u64,
        next: impl Fn(u64) -> Result<(T, u64), E>,
    ) -> Result<T, E> {
        let (set, tag) = self.locate(hash);
        if let Some(way) = set.find(tag)
            && let Ok(outcome) = set.advance(way, tag, &next)
        {
            return outcome;
        }
        self.replace_new(set, tag, now(), &next)
    }

    /// A key's time; that of those who find no place, if it has none.
    pub(crate) fn read(&self, hash: u64) -> u64 {
        let (set, tag) = self.locate(hash);
        let time = |way: usize| set.times[way].load(Acquire);
        let known = set
            .find(tag)
            .map(time)
            .filter(|time| !is_claim(*time) && set.find(tag).is_some());
        known.unwrap_or_else(|| set.shared.load(Acquire))
    }

    /// Whether a key has a place of its own.
    pub(crate) fn has_place(&self, hash: u64) -> bool {
        let (set, tag) = self.locate(hash);
        set.find(tag).is_some()
    }

    /// Lowers a key's time by so much, but not to `now`, which no request under way may be ahead of: its
    /// place is not free, or else a key that looks for one might find two.
    pub(crate) fn lower(&self, hash: u64, now: u64, by: u64) {
        let (set, tag) = self.locate(hash);
        let lower = |time: u64| {
            let lower = time.saturating_sub(by).max(now + 1);
            (lower < time).then_some(((), lower)).ok_or(())
        };
        match set.find(tag) {
            Some(way) => drop(set.advance(way, tag, &lower)),
            None => drop(set.advance_shared(&lower)),
        }
    }

    #[inline]
    fn locate(&self, hash: u64) -> (&Set, u32) {
        // The upper half chooses the set, the lower half is the tag. 0 is the tag of nobody.
        let index = ((hash >> 32) * self.sets.len() as u64) >> 32;
        (&self.sets[index as usize], (hash as u32).max(1))
    }

    #[cold]
    #[inline(never)]
    fn replace_new<T, E>(
        &self,
        set: &Set,
        tag: u32,
        now: u64,
        next: &impl Fn(u64) -> Result<(T, u64), E>,
    ) -> Result<T, E> {
        let mut patience = PATIENCE;
        loop {
            let done = match set.look(tag) {
                Look::Found => set.find(tag).map(|way| set.advance(way, tag, next)),
                Look::Earliest(way, time) if time <= now => Some(set.claim(way, time, tag, next)),
                Look::Earliest(..) => {
                    self.overflows.fetch_add(1, Relaxed);
                    return set.advance_shared(next);
                }
                Look::Busy => None,
            };
            match done {
                Some(Ok(outcome)) => return outcome,
                Some(Err(Changed)) | None => wait(&mut patience),
            }
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} bytes)", self.bytes())
    }
}

// ===== impl Set =====

impl Set {
    fn new() -> Self {
        Self {
            tags: Default::default(),
            times: Default::default(),
            shared: AtomicU64::new(0),
        }
    }

    #[inline]
    fn find(&self, tag: u32) -> Option<usize> {
        self.tags
            .iter()
            .position(|place| place.load(Relaxed) == tag)
    }

    /// Replaces the time of a place that holds `tag`, if it still does.
    #[inline]
    fn advance<T, E>(
        &self,
        way: usize,
        tag: u32,
        next: &impl Fn(u64) -> Result<(T, u64), E>,
    ) -> Result<Result<T, E>, Changed> {
        loop {
            let before = self.times[way].load(Acquire);
            // After the time: what was swapped in between shows in the time.
            if is_claim(before) || self.tags[way].load(Relaxed) != tag {
                return Err(Changed);
            }
            let (made, after) = match next(before) {
                Ok(made) => made,
                Err(refused) => return Ok(Err(refused)),
            };
            if swap(&self.times[way], before, after) {
                return Ok(Ok(made));
            }
        }
    }

    /// Looks at every place: for the key, for claims, for the earliest time.
    #[inline]
    fn look(&self, tag: u32) -> Look {
        let times = self.times.each_ref().map(|time| time.load(Acquire));
        // After the times: what was swapped in between shows in them.
        let has_place = self.find(tag).is_some();
        let (mut earliest, mut claims) = ((times[0], 0), 0);
        for (way, &time) in times.iter().enumerate() {
            claims |= time & CLAIM;
            earliest = if time < earliest.0 {
                (time, way)
            } else {
                earliest
            };
        }
        match (has_place, claims == 0) {
            (true, _) => Look::Found,
            (false, true) => Look::Earliest(earliest.1, earliest.0),
            (false, false) => Look::Busy,
        }
    }

    /// Hands a free place to `tag`, if nobody has changed it meanwhile.
    fn claim<T, E>(
        &self,
        way: usize,
        before: u64,
        tag: u32,
        next: &impl Fn(u64) -> Result<(T, u64), E>,
    ) -> Result<Result<T, E>, Changed> {
        if !swap(&self.times[way], before, CLAIM) {
            return Err(Changed);
        }
        // Who had no place until now begins with the time of those who have none.
        let made = next(before.max(self.shared.load(Acquire)));
        let (made, after) = match made {
            Ok((made, after)) => {
                self.tags[way].store(tag, Relaxed);
                (Ok(made), after)
            }
            Err(refused) => (Err(refused), before),
        };
        self.times[way].store(after, Release);
        Ok(made)
    }

    fn advance_shared<T, E>(&self, next: &impl Fn(u64) -> Result<(T, u64), E>) -> Result<T, E> {
        loop {
            let before = self.shared.load(Acquire);
            let (made, after) = next(before)?;
            if swap(&self.shared, before, after) {
                return Ok(made);
            }
        }
    }
}

#[inline]
fn swap(time: &AtomicU64, before: u64, after: u64) -> bool {
    time.compare_exchange(before, after, AcqRel, Relaxed)
        .is_ok()
}

const fn is_claim(time: u64) -> bool {
    time & CLAIM != 0
}

/// A claim is two stores away from its end, unless its thread was put aside.
fn wait(patience: &mut u32) {
    match patience.checked_sub(1) {
        Some(less) => {
            *patience = less;
            std::hint::spin_loop();
        }
        None => std::thread::yield_now(),
    }
}

const BYTES_PER_KEY: usize = 16;
/// A time that says: this place is being given to another key.
const CLAIM: u64 = 1 << 63;
/// Looks before the processor is given to somebody else.
const PATIENCE: u32 = 100;
const WAYS: usize = 10;
