use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How much may wait at once, by count and by bytes.
#[derive(Debug)]
pub(crate) struct Room {
    count: Level,
    bytes: Level,
}

/// A record's share of the room. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    bytes: usize,
}

#[derive(Debug)]
struct Level {
    used: AtomicUsize,
    most: usize,
}

// ===== impl Room =====

impl Room {
    pub(super) const fn new(count: usize, bytes: usize) -> Self {
        Self {
            count: Level::new(count),
            bytes: Level::new(bytes),
        }
    }

    /// Takes a place, if there is one by both bounds. Returns also how many are taken with it.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<(Place, usize)> {
        let count = self.count.take(1)?;
        if self.bytes.take(bytes).is_none() {
            self.count.give_back(1);
            return None;
        }
        let room = Arc::clone(self);
        Some((Place { room, bytes }, count))
    }

    /// Returns how many places are taken.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.count.used.load(Relaxed)
    }

    /// Returns how many bytes are taken.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.used.load(Relaxed)
    }
}

// ===== impl Place =====

impl Drop for Place {
    fn drop(&mut self) {
        self.room.bytes.give_back(self.bytes);
        self.room.count.give_back(1);
    }
}

// ===== impl Level =====

impl Level {
    const fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most,
        }
    }

    /// Returns how much is used with it.
    fn take(&self, n: usize) -> Option<usize> {
        let fits = |used: usize| used.checked_add(n).filter(|sum| *sum <= self.most);
        let taken = self.used.fetch_update(Relaxed, Relaxed, fits);
        taken.ok().map(|before| before + n)
    }

    fn give_back(&self, n: usize) {
        self.used.fetch_sub(n, Relaxed);
    }
}
