use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_core::{BoxError, Charge, QuotaStore, Standing};

use crate::rate_limit::{
    clock::Clock,
    counters::Counters,
    gcra::{Rate, Refused},
    key::Key,
};

/// A [`QuotaStore`] in the memory of one process: for several edges in it, and for tests.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    clock: Clock,
    counters: Arc<Counters>,
    /// All charges of one request, or none of them.
    spending: Arc<Mutex<()>>,
}

// ===== impl MemoryStore =====

impl MemoryStore {
    /// Has places for so many keys that have spent something at the same time.
    #[must_use]
    pub fn new(max_keys: usize) -> Self {
        Self {
            clock: Clock::new(),
            counters: Arc::new(Counters::new(max_keys)),
            spending: Arc::default(),
        }
    }

    fn hash(&self, charge: &Charge) -> u64 {
        let Charge { policy, key, .. } = charge;
        self.counters
            .hash(&Key::from_name(format!("{policy}\n{key}")))
    }

    /// For how many requests a charge could be spent.
    fn room(&self, charge: &Charge, now: u64) -> u32 {
        let (rate, hash) = (Rate::new(charge.quota), self.hash(charge));
        self.counters.clamp(hash, &rate, now);
        let owed = self.counters.owed(hash, now);
        (rate.left(owed) / charge.cost).min(charge.requests)
    }

    fn charge(&self, charge: &Charge, requests: u32, now: u64) -> Standing {
        let (rate, hash) = (Rate::new(charge.quota), self.hash(charge));
        let spent = match requests {
            0 => self.counters.peek(hash, &rate, now, charge.cost),
            _ => self
                .counters
                .spend(hash, &rate, now, charge.cost * requests),
        };
        let wait = spent.err().map_or(0, |Refused(wait)| wait);
        Standing::new(
            Duration::from_nanos(self.counters.owed(hash, now).0),
            Duration::from_nanos(wait),
            if wait == 0 { requests } else { 0 },
        )
    }
}

impl QuotaStore for MemoryStore {
    type Future = Ready<Result<Vec<Standing>, BoxError>>;

    fn spend(&self, charges: Vec<Charge>) -> Self::Future {
        let _spending = self.spending.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let room = charges.iter().map(|charge| self.room(charge, now));
        let requests = room.min().unwrap_or(0);
        let spend = |charge| self.charge(charge, requests, now);
        ready(Ok(charges.iter().map(spend).collect()))
    }
}
