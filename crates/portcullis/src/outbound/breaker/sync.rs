//! What the state machine is locked with. Its model is checked with loom's instead.

use std::sync::PoisonError;
pub(super) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};

/// Locks; a panic under the lock is no reason to stop counting.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
