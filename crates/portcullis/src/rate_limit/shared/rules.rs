//! What sharing asks of the rules.

use http::request;
use portcullis_core::{Charge, Facts, Standing};

use crate::rate_limit::{
    gcra::{Owed, Refused, nanos},
    key::Key,
    rules::Rules,
    spendings::{Spending, Spendings},
};

impl Rules {
    /// How many of the policies that count a request are in force.
    pub(super) fn enforced<const N: usize>(&self, spendings: &Spendings<N>) -> usize {
        self.iter_enforced(spendings).count()
    }

    /// Whether nothing is in force that counts the request.
    pub(super) fn is_unlimited<const N: usize>(&self, spendings: &Spendings<N>) -> bool {
        self.enforced(spendings) == 0
    }

    pub(super) fn iter_enforced<'s, const N: usize>(
        &'s self,
        spendings: &'s Spendings<N>,
    ) -> impl Iterator<Item = &'s Spending> {
        let spendings = spendings.iter().map(|(spending, _)| spending);
        spendings.filter(|spending| !self.of(spending).0.policy.dry_run)
    }

    /// What to ask the store for.
    pub(super) fn charges<const N: usize>(
        &self,
        spendings: &Spendings<N>,
        head: &request::Parts,
        requests: u32,
    ) -> Vec<Charge> {
        let facts = Facts::of(&head.extensions);
        let charge = |spending: &Spending| {
            let (rule, quoted) = self.of(spending);
            let key = rule.policy.by.key(head, facts).unwrap_or(Key::Unknown);
            let name = rule.policy.name.clone();
            Charge::new(name, key.to_string(), quoted.quota, spending.cost).requests(requests)
        };
        self.iter_enforced(spendings).map(charge).collect()
    }

    /// Takes the store's word: for how each policy stands now, and for later.
    pub(super) fn learn<const N: usize>(
        &self,
        spendings: &mut Spendings<N>,
        standings: &[Standing],
        now: u64,
    ) {
        let mut standings = standings.iter();
        spendings.each(|spending, before| {
            let (rule, _) = self.of(spending);
            let said = if rule.policy.dry_run {
                None
            } else {
                standings.next()
            };
            said.map_or(before, |said| {
                let owed = Owed(nanos(said.whole_in));
                rule.counters.learn(spending.hash, now, owed);
                match nanos(said.wait) {
                    0 => Ok(owed),
                    wait => Err(Refused(wait)),
                }
            })
        });
    }

    /// Shows a request how it stands, as far as this process knows.
    pub(super) fn show<const N: usize>(&self, spendings: &mut Spendings<N>, now: u64) {
        spendings.each(|spending, _| Ok(self.owed(spending, now)));
    }
}
