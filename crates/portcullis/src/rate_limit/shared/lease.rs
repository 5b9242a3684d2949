use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portcullis_core::Standing;

use crate::rate_limit::{
    charges::{Charges, MAX_POLICIES},
    rate::nanos,
    rules::Rules,
};

/// Requests that were spent at the store and not yet here.
pub(super) struct Leases {
    size: u32,
    leases: [Mutex<HashMap<u64, Lease>>; SHARDS],
}

#[derive(Clone, Copy)]
struct Lease {
    left: u32,
    until: u64,
}

// ===== impl Leases =====

impl Leases {
    pub(super) fn new(size: u32) -> Self {
        Self {
            size,
            leases: Default::default(),
        }
    }

    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// Spends one leased request, if there is one.
    pub(super) fn spend(
        &self,
        rules: &Rules,
        charges: &mut Charges<MAX_POLICIES>,
        now: u64,
    ) -> bool {
        let id = id(rules, charges);
        let mut leases = self.shard(id);
        let lease = leases.get_mut(&id).filter(|lease| now < lease.until);
        let Some(lease) = lease.filter(|lease| lease.left > 0) else {
            return false;
        };
        lease.left -= 1;
        drop(leases);
        rules.show(charges, now);
        true
    }

    /// Keeps what was spent for more than the one request that asked.
    pub(super) fn grant(
        &self,
        rules: &Rules,
        charges: &Charges<MAX_POLICIES>,
        standings: &[Standing],
        now: u64,
    ) {
        let granted = standings.iter().map(|standing| standing.requests).min();
        let left = granted.unwrap_or(0).saturating_sub(1);
        if left == 0 {
            return;
        }
        let id = id(rules, charges);
        let mut leases = self.shard(id);
        if leases.len() >= MOST {
            leases.retain(|_, lease| lease.left > 0 && now < lease.until);
        }
        // Where there is no room, what was spent is lost: too little, never too much.
        if leases.len() < MOST {
            let until = now + nanos(LIFETIME);
            leases.insert(id, Lease { left, until });
        }
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, HashMap<u64, Lease>> {
        let shard = &self.leases[id as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that spends the same of the same quotas.
fn id(rules: &Rules, charges: &Charges<MAX_POLICIES>) -> u64 {
    rules.iter_enforced(charges).fold(0, |id: u64, charge| {
        let one = charge.hash ^ u64::from(charge.cost.get()).rotate_left(32);
        id.rotate_left(7) ^ one
    })
}

const LIFETIME: Duration = Duration::from_secs(1);
const SHARDS: usize = 16;

/// In each shard.
const MOST: usize = 4096;
