use std::{fmt, ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, Guard};

/// A value that may be replaced while it is read. Clones share it.
///
/// Reading takes no lock. Who reads sees one value to the end, whatever is stored meanwhile.
pub struct Live<T>(Arc<ArcSwap<T>>);

/// A value of a [`Live`], as it was when it was loaded.
pub struct Loaded<T>(Guard<Arc<T>>);

// ===== impl Live =====

impl<T> Live<T> {
    /// Creates a cell with a first value.
    #[inline]
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// Returns the current value.
    #[must_use]
    #[inline]
    pub fn load(&self) -> Loaded<T> {
        Loaded(self.0.load())
    }

    /// Returns the current value, to keep.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Replaces the value.
    pub fn store(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

// ===== impl Loaded =====

impl<T> Deref for Loaded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Loaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_sees_one_value_to_the_end() {
        let live = Live::new(1);
        let before = live.load();
        live.clone().store(2);

        assert_eq!((*before, *live.load()), (1, 2));
    }
}
