use std::{
    future::{Ready, ready},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_core::{BoxError, Charge, QuotaStore, Standing};

use crate::rate_limit::{
    clock::Clock,
    key::Key,
    rate::Rate,
    store::{Spend, Store},
};

/// A [`QuotaStore`] in the memory of one process: for several edges in it, and for tests.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    clock: Clock,
    store: Arc<Store>,
    /// All charges of one request, or none of them.
    charging: Arc<Mutex<()>>,
}

// ===== impl MemoryStore =====

impl MemoryStore {
    /// Has places for so many keys that have spent something at the same time.
    #[must_use]
    pub fn new(max_keys: usize) -> Self {
        Self {
            clock: Clock::new(),
            store: Arc::new(Store::new(max_keys)),
            charging: Arc::default(),
        }
    }

    fn hash(&self, charge: &Charge) -> u64 {
        let Charge { policy, key, .. } = charge;
        self.store.hash(&Key::from_name(format!("{policy}\n{key}")))
    }

    fn rate(&self, charge: &Charge) -> Rate {
        Rate::new(charge.quota, Arc::clone(&self.store))
    }

    /// For how many requests a charge could be spent.
    fn room(&self, charge: &Charge, now: u64) -> u32 {
        let (rate, hash) = (self.rate(charge), self.hash(charge));
        self.store.clamp(hash, &rate, now);
        let standing = rate.standing(self.store.full_in(hash, now));
        (standing.left() / charge.cost).min(charge.requests)
    }

    fn charge(&self, charge: &Charge, requests: u32, now: u64) -> Standing {
        let (rate, hash) = (self.rate(charge), self.hash(charge));
        let decided = match NonZeroU32::new(charge.cost * requests) {
            Some(cost) => rate.spend(&Spend::new(hash, 0, now), cost).map(drop),
            None => rate.look(self.store.full_in(hash, now), cost(charge)),
        };
        Standing::new(
            Duration::from_nanos(self.store.full_in(hash, now)),
            decided.err().map_or(Duration::ZERO, |over| over.wait()),
            if decided.is_ok() { requests } else { 0 },
        )
    }

    /// Refunds what was spent for a request of which not all could be: two of its charges shared a
    /// number in a full table.
    #[cold]
    fn refund(&self, charges: &[Charge], standings: &mut [Standing], now: u64) {
        for (charge, standing) in charges.iter().zip(standings) {
            let (rate, hash) = (self.rate(charge), self.hash(charge));
            let cost = charge.cost * standing.requests;
            self.store.refund(hash, &rate, now, cost);
            standing.requests = 0;
            standing.whole_in = Duration::from_nanos(self.store.full_in(hash, now));
        }
    }
}

/// A charge's cost is at least 1.
fn cost(charge: &Charge) -> NonZeroU32 {
    NonZeroU32::new(charge.cost).unwrap_or(NonZeroU32::MIN)
}

impl QuotaStore for MemoryStore {
    type Future = Ready<Result<Vec<Standing>, BoxError>>;

    fn spend(&self, charges: Vec<Charge>) -> Self::Future {
        let _charging = self.charging.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let room = charges.iter().map(|charge| self.room(charge, now));
        let requests = room.min().unwrap_or(0);
        let charge = |charge| self.charge(charge, requests, now);
        let mut standings: Vec<_> = charges.iter().map(charge).collect();
        if standings
            .iter()
            .any(|standing| standing.requests < requests)
        {
            self.refund(&charges, &mut standings, now);
        }
        ready(Ok(standings))
    }
}
