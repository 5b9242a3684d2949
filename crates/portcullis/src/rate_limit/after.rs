//! What a request is charged once it is known what came of it.

use std::{cmp::Ordering, sync::Arc};

use portcullis_core::{Ended, Live, Reply};

use super::{
    charges::{Charge, Charges},
    policy::CostAfter,
    quotas::Quotas,
    rate::Admitted,
    rules::{Rule, Rules},
    store::Store,
    tally::Tally,
};

/// A charge that is not final.
struct Pending {
    /// What is in force at the end.
    rules: Live<Rules>,
    /// The policy's, also after it has changed.
    tally: Arc<Tally>,
    tier: Option<Arc<str>>,
    hash: u64,
    charged: u32,
    cost_after: Arc<CostAfter>,
    spent: Spent,
}

/// Where a charge is until time has refilled it.
struct Spent {
    store: Arc<Store>,
    full_at: u64,
    /// Of the store, until then.
    clamps: u64,
}

// ===== impl Rules =====

impl Rules {
    /// Charges the rest when the exchange has ended, where policies want it.
    #[inline]
    pub(super) fn charge_later<const N: usize>(
        &self,
        live: &Live<Self>,
        charges: &Charges<N>,
        now: u64,
        reply: &mut Reply,
    ) {
        for (charge, decision) in charges.iter() {
            let cost_after = self.rule(charge).policy.cost_after.as_ref();
            if let (Some(cost_after), Ok(admitted)) = (cost_after, decision) {
                let (live, cost_after) = (live.clone(), Arc::clone(cost_after));
                let pending = self.pending(live, charge, admitted, now, cost_after);
                reply.on_end(move |ended| pending.settle(ended));
            }
        }
    }

    #[cold]
    fn pending(
        &self,
        rules: Live<Self>,
        charge: &Charge,
        admitted: &Admitted,
        now: u64,
        cost_after: Arc<CostAfter>,
    ) -> Pending {
        let rule = self.rule(charge);
        Pending {
            rules,
            tally: Arc::clone(&rule.tally),
            tier: rule.quotas.name(charge.quota),
            hash: charge.hash,
            charged: charge.cost.get(),
            cost_after,
            spent: Spent {
                store: Arc::clone(&rule.store),
                full_at: now + admitted.full_in(),
                clamps: rule.store.clamps(),
            },
        }
    }
}

// ===== impl Pending =====

impl Pending {
    fn settle(self, ended: &Ended) {
        if ended.rejection.is_some() {
            return;
        }
        let cost = (self.cost_after)(ended);
        let rules = self.rules.get();
        let mut policies = rules.rules.iter();
        // One that is gone has nothing to charge.
        if let Some(rule) = policies.find(|rule| Arc::ptr_eq(&rule.tally, &self.tally)) {
            self.settle_with(rule, cost, rules.clock.now());
        }
    }

    /// Charges or pays back the difference. What costs more than a burst counts as a burst, both times.
    fn settle_with(&self, rule: &Rule, cost: u32, now: u64) {
        let (hash, find) = (self.hash, |quotas: &Quotas| {
            quotas.find_named(self.tier.as_deref(), self.hash)
        });
        let rate = rule.quotas.get(find(&rule.quotas));
        let burst = rate.quota().max_burst();
        let (cost, charged) = (cost.min(burst), self.charged.min(burst));
        match cost.cmp(&charged) {
            Ordering::Greater => {
                let floor = rule.floor(find, hash, now);
                rule.store.charge(hash, floor, rate, now, cost - charged);
            }
            Ordering::Less if self.spent.is_in(&rule.store, now) => {
                rule.store.refund(hash, rate, now, charged - cost);
            }
            Ordering::Less | Ordering::Equal => {}
        }
    }
}

// ===== impl Spent =====

impl Spent {
    /// Returns `true` if all of the charge is still there to pay back: time has not refilled it, and
    /// nothing was changed or forgotten since.
    fn is_in(&self, store: &Arc<Store>, now: u64) -> bool {
        Arc::ptr_eq(&self.store, store) && now < self.full_at && self.clamps == store.clamps()
    }
}
