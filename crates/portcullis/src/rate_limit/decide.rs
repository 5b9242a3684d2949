//! What comes of charges: all of them, or none. Knows nothing of HTTP.

use super::{
    charges::{Charge, Charges},
    rate::{Admitted, Decision, Rate},
    rules::{Rule, Rules},
    store::Spend,
};

// ===== impl Rules =====

impl Rules {
    /// Spends all of it, if every policy allows it; otherwise nothing.
    #[inline]
    pub(super) fn decide<const N: usize>(&self, charges: &mut Charges<N>, now: u64) {
        let is_refused = if charges.len() > 1 {
            self.decide_all(charges, now)
        } else {
            charges.each(|charge, _| self.spend(charge, now));
            self.refuses(charges)
        };
        if is_refused {
            self.complete(charges, now);
        }
    }

    /// Looks first, so that a request that is refused spends nothing meanwhile either.
    fn decide_all<const N: usize>(&self, charges: &mut Charges<N>, now: u64) -> bool {
        if self.look(charges, now) {
            return true;
        }
        charges.each(|charge, _| self.spend(charge, now));
        let is_refused = self.refuses(charges);
        if is_refused {
            // Another request was faster.
            self.refund(charges, now);
        }
        is_refused
    }

    /// Looks what would come of it. Returns whether a policy in force refuses: then the others show
    /// how their keys stand.
    pub(super) fn look<const N: usize>(&self, charges: &mut Charges<N>, now: u64) -> bool {
        charges.each(|charge, _| {
            let looked = self
                .rate(charge)
                .look(self.full_in(charge, now), charge.cost);
            looked.map(|()| Admitted::NONE)
        });
        let is_refused = self.refuses(charges);
        if is_refused {
            charges.each(|charge, decision| decision.map(|_| self.standing(charge, now)));
        }
        is_refused
    }

    /// Spends of one policy.
    #[inline]
    pub(super) fn spend(&self, charge: &Charge, now: u64) -> Decision {
        let key = Spend::new(charge.hash, charge.floor, now);
        self.rate(charge).spend(&key, charge.cost)
    }

    /// Refunds what was spent for a request that is refused.
    #[cold]
    fn refund<const N: usize>(&self, charges: &mut Charges<N>, now: u64) {
        charges.each(|charge, decision| {
            let _admitted = decision?;
            let (store, rate) = (&self.rule(charge).store, self.rate(charge));
            store.refund(charge.hash, rate, self.later(now), charge.cost.get());
            Ok(self.standing(charge, now))
        });
    }

    /// Completes what is said to those who are refused. Keys that have spent more than a burst, as they
    /// had another tier, have spent a burst.
    #[cold]
    pub(super) fn complete<const N: usize>(&self, charges: &mut Charges<N>, now: u64) {
        charges.each(|charge, decision| {
            let Err(mut over) = decision else {
                return decision;
            };
            let (store, rate) = (&self.rule(charge).store, self.rate(charge));
            if over.wait_nanos() > rate.window() {
                store.clamp(charge.hash, rate, self.later(now));
                let looked = rate.look(self.full_in(charge, now), charge.cost);
                over = looked.err().unwrap_or(over);
            }
            Err(over.with_left(self.standing(charge, now).left()))
        });
    }

    /// Returns a time that no request under way is ahead of.
    fn later(&self, now: u64) -> u64 {
        self.clock.now().max(now)
    }

    /// Returns how a key stands.
    pub(super) fn standing(&self, charge: &Charge, now: u64) -> Admitted {
        self.rate(charge).standing(self.full_in(charge, now))
    }

    /// Returns after how many nanoseconds a key's quota is full again.
    fn full_in(&self, charge: &Charge, now: u64) -> u64 {
        let tat = self.rule(charge).store.tat(charge.hash).max(charge.floor);
        tat.saturating_sub(now)
    }

    /// Whether a policy that is in force refuses.
    #[inline]
    pub(super) fn refuses<const N: usize>(&self, charges: &Charges<N>) -> bool {
        charges
            .iter()
            .any(|(charge, decision)| decision.is_err() && !self.rule(charge).policy.dry_run)
    }

    #[inline]
    pub(super) fn rule(&self, charge: &Charge) -> &Rule {
        &self.rules[usize::from(charge.rule)]
    }

    #[inline]
    pub(super) fn rate(&self, charge: &Charge) -> &Rate {
        self.rule(charge).quotas.get(charge.quota)
    }
}
