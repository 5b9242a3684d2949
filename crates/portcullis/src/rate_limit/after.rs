//! What a request is charged once it is known what came of it.

use std::{cmp::Ordering, sync::Arc};

use portcullis_core::{Ended, Reply};

use super::{
    charges::{Charge, Charges},
    clock::Clock,
    policy::CostAfter,
    quotas::Quotas,
    rules::Rules,
    store::Store,
};

/// A charge that is not final.
struct Pending {
    store: Arc<Store>,
    quotas: Arc<Quotas>,
    quota: Option<u32>,
    clock: Clock,
    hash: u64,
    charged: u32,
    cost_after: Arc<CostAfter>,
}

// ===== impl Rules =====

impl Rules {
    /// Charges the rest when the exchange has ended, where policies want it.
    #[inline]
    pub(super) fn charge_later<const N: usize>(&self, charges: &Charges<N>, reply: &mut Reply) {
        for (charge, decision) in charges.iter() {
            let cost_after = self.rule(charge).policy.cost_after.as_ref();
            if let (Some(cost_after), Ok(_)) = (cost_after, decision) {
                let pending = self.pending(charge, Arc::clone(cost_after));
                reply.on_end(move |ended| pending.settle(ended));
            }
        }
    }

    #[cold]
    fn pending(&self, charge: &Charge, cost_after: Arc<CostAfter>) -> Pending {
        Pending {
            store: Arc::clone(&self.rule(charge).store),
            quotas: Arc::clone(&self.rule(charge).quotas),
            quota: charge.quota,
            clock: self.clock,
            hash: charge.hash,
            charged: charge.cost.get(),
            cost_after,
        }
    }
}

// ===== impl Pending =====

impl Pending {
    fn settle(self, ended: &Ended) {
        if ended.rejection.is_some() {
            return;
        }
        let (cost, now) = ((self.cost_after)(ended), self.clock.now());
        let rate = self.quotas.get(self.quota);
        match cost.cmp(&self.charged) {
            Ordering::Greater => {
                let rest = cost - self.charged;
                self.store.charge(self.hash, rate, now, rest);
            }
            Ordering::Less => {
                let rest = self.charged - cost;
                self.store.refund(self.hash, rate, now, rest);
            }
            Ordering::Equal => {}
        }
    }
}
