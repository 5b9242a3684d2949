//! The circuits of all upstreams, in bounded memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use foldhash::fast::RandomState;
use portcullis_core::Live;

use super::{circuit::Circuit, counts::CallCounts, rules::Rules, sync::locked};

type Circuits = HashMap<Box<str>, Arc<Entry>, RandomState>;

/// An upstream: what it is called, and its circuit.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) rules: Arc<Rules>,
    pub(super) circuit: Circuit,
}

/// Circuits by key, at most so many. Reading takes no lock; a new key copies the table.
#[derive(Debug)]
pub(super) struct Table {
    circuits: Live<Circuits>,
    rules: Arc<Rules>,
    max: usize,
    writer: Mutex<Writer>,
    overflow: AtomicU64,
}

#[derive(Debug, Default)]
struct Writer {
    /// What circuits that were forgotten had counted.
    forgotten: CallCounts,
    /// When it is worth looking for idle circuits again.
    look_again_at: u64,
}

// ===== impl Table =====

impl Table {
    pub(super) fn new(max: usize, rules: Arc<Rules>) -> Self {
        Self {
            rules,
            circuits: Live::new(Circuits::default()),
            max,
            writer: Mutex::default(),
            overflow: AtomicU64::new(0),
        }
    }

    /// Returns the circuit of a key. `None` when the table is full of circuits that have something
    /// to remember.
    #[inline]
    pub(super) fn get_or_insert(&self, key: &str) -> Option<Arc<Entry>> {
        self.get(key).or_else(|| self.insert(key))
    }

    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.circuits.load().get(key).map(Arc::clone)
    }

    /// Returns all circuits there are.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.circuits.load().values().map(Arc::clone).collect()
    }

    /// Returns what all circuits have counted, those that are gone too.
    pub(super) fn tally(&self) -> CallCounts {
        let writer = locked(&self.writer);
        let mut sum = writer.forgotten;
        for entry in self.all() {
            sum.add(entry.circuit.tally());
        }
        sum
    }

    /// Returns how many calls had no place.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow.load(Relaxed)
    }

    #[cold]
    fn insert(&self, key: &str) -> Option<Arc<Entry>> {
        let now = self.rules.now();
        let mut writer = locked(&self.writer);
        let circuits = self.circuits.get();
        // Another thread may have been faster.
        if let Some(entry) = circuits.get(key) {
            return Some(Arc::clone(entry));
        }
        let is_full = circuits.len() >= self.max;
        if is_full && now < writer.look_again_at {
            self.overflow.fetch_add(1, Relaxed);
            return None;
        }
        let mut next = Circuits::clone(&circuits);
        drop(circuits);
        if is_full {
            writer.forget_idle(&mut next, now);
        }
        let entry = self.add(&mut next, key);
        self.circuits.store(next);
        entry
    }

    fn add(&self, next: &mut Circuits, key: &str) -> Option<Arc<Entry>> {
        if next.len() >= self.max {
            self.overflow.fetch_add(1, Relaxed);
            return None;
        }
        let entry = Arc::new(Entry {
            key: key.into(),
            rules: Arc::clone(&self.rules),
            circuit: Circuit::new(&self.rules.settings),
        });
        next.insert(key.into(), Arc::clone(&entry));
        Some(entry)
    }
}

// ===== impl Writer =====

impl Writer {
    /// Takes out every circuit that has nothing to remember.
    fn forget_idle(&mut self, circuits: &mut Circuits, now: u64) {
        circuits.retain(|_, entry| {
            // Held by the old table, the new one, and calls under way.
            let is_used = Arc::strong_count(entry) > 2 || !entry.circuit.is_idle(now);
            if !is_used {
                self.forgotten.add(entry.circuit.tally());
            }
            is_used
        });
        self.look_again_at = now.saturating_add(LOOK_AGAIN);
    }
}

/// Looking at every circuit for each new key would be slow when there are many.
const LOOK_AGAIN: u64 = 1_000_000_000;
