//! What sharing asks of the rules.

use http::request;
use portcullis_core::{Charge, Facts, Standing};

use crate::rate_limit::{
    charges::{self, Charges},
    key::Key,
    rate::{OverQuota, nanos},
    rules::{Rule, Rules},
};

impl Rules {
    /// How many of the policies that count a request are in force.
    pub(super) fn enforced<const N: usize>(&self, charges: &Charges<N>) -> usize {
        self.iter_enforced(charges).count()
    }

    /// Whether nothing is in force that counts the request.
    pub(super) fn is_unlimited<const N: usize>(&self, charges: &Charges<N>) -> bool {
        self.enforced(charges) == 0
    }

    pub(super) fn iter_enforced<'c, const N: usize>(
        &'c self,
        charges: &'c Charges<N>,
    ) -> impl Iterator<Item = &'c charges::Charge> {
        let charges = charges.iter().map(|(charge, _)| charge);
        charges.filter(|charge| !self.rule(charge).policy.dry_run)
    }

    /// What to ask the store for.
    pub(super) fn shared_charges<const N: usize>(
        &self,
        charges: &Charges<N>,
        head: &request::Parts,
        requests: u32,
    ) -> Vec<Charge> {
        let facts = Facts::of(&head.extensions);
        let charge = |charge: &charges::Charge| {
            let (policy, quota) = (&self.rule(charge).policy, self.rate(charge).quota());
            let key = policy.by.key(head, facts).unwrap_or(Key::Unknown);
            let name = policy.name.clone();
            Charge::new(name, key.to_string(), quota, charge.cost.get()).requests(requests)
        };
        self.iter_enforced(charges).map(charge).collect()
    }

    /// Takes the store's word: for how each policy stands now, and for later.
    pub(super) fn learn<const N: usize>(
        &self,
        charges: &mut Charges<N>,
        standings: &[Standing],
        now: u64,
    ) {
        let mut standings = standings.iter();
        charges.each(|charge, before| {
            let rule = self.rule(charge);
            let said = if rule.policy.dry_run {
                None
            } else {
                standings.next()
            };
            said.map_or(before, |said| {
                let full_in = nanos(said.whole_in);
                rule.store.learn(charge.hash, now, full_in);
                if said.wait.is_zero() {
                    Ok(self.rate(charge).standing(full_in))
                } else {
                    Err(OverQuota::after(said.wait))
                }
            })
        });
    }

    /// Spends of the policies for which `is_wanted`.
    pub(super) fn spend_where<const N: usize>(
        &self,
        charges: &mut Charges<N>,
        now: u64,
        is_wanted: fn(&Rule) -> bool,
    ) {
        charges.each(|charge, decision| {
            if is_wanted(self.rule(charge)) {
                self.spend(charge, now)
            } else {
                decision
            }
        });
    }

    /// Shows a request how it stands, as far as this process knows.
    pub(super) fn show<const N: usize>(&self, charges: &mut Charges<N>, now: u64) {
        charges.each(|charge, _| Ok(self.standing(charge, now)));
    }
}
