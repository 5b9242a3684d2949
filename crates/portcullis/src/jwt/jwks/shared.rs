use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64},
};

use portcullis_core::{ConfigError, Live};
use tokio::sync::{Notify, Semaphore, watch};

use super::{
    fetch::Source,
    flight::{Flight, Timing},
    known::Known,
};
use crate::jwt::Jwks;

/// What requests and the task that fetches share.
pub(super) struct Shared {
    pub(super) source: Source,
    /// Where it is, for people.
    pub(super) place: String,
    pub(super) timing: Timing,
    pub(super) max_bytes: usize,
    pub(super) is_pss: bool,
    pub(super) known: Live<Known>,
    flight: Mutex<Flight>,
    /// Wakes the task.
    pub(super) demanded: Notify,
    /// Counts fetches that ended.
    pub(super) ended: watch::Sender<u64>,
    pub(super) is_running: AtomicBool,
    /// A permit for each request that waits.
    pub(super) places: Arc<Semaphore>,
    pub(super) fetches: AtomicU64,
    pub(super) failures: AtomicU64,
}

// ===== impl Shared =====

impl Shared {
    pub(super) fn new(
        source: Source,
        place: String,
        timing: Timing,
        max_bytes: usize,
        is_pss: bool,
    ) -> Self {
        Self {
            source,
            place,
            timing,
            max_bytes,
            is_pss,
            known: Live::new(Known::default()),
            flight: Mutex::new(Flight::new(timing)),
            demanded: Notify::new(),
            ended: watch::Sender::new(0),
            is_running: AtomicBool::new(false),
            places: Arc::new(Semaphore::new(MOST_WAITING)),
            fetches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Never held across an await, nor for requests whose key is known.
    pub(super) fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a set, whole or not at all.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Jwks, ConfigError> {
        if bytes.len() > self.max_bytes {
            return Err(ConfigError::new("JWKS: it is longer than it may be"));
        }
        let keys = Jwks::parse_public(bytes)?;
        Ok(if self.is_pss { keys.rsa_pss() } else { keys })
    }
}

const MOST_WAITING: usize = 1024;
