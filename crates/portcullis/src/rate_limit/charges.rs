//! What a request is charged, by its head.

use std::{cell::OnceCell, num::NonZeroU32};

use http::request;
use portcullis_core::{Facts, RequestPath};

use super::{
    rate::{Admitted, Decision},
    rules::{Rule, Rules},
};

/// What one request spends of one policy.
#[derive(Clone, Copy)]
pub(super) struct Charge {
    /// Which policy's.
    pub(super) rule: u8,
    /// Which of its quotas, unless it is the policy's own.
    pub(super) quota: Option<u32>,
    pub(super) cost: NonZeroU32,
    pub(super) hash: u64,
    /// What the client sees of its key.
    pub(super) partition_key: u64,
    /// The theoretical arrival time is at least this, by what was spent before the quotas were
    /// changed.
    pub(super) floor: u64,
}

/// What one request is charged, and what comes of it. Up to `N` charges.
#[derive(Clone, Copy)]
pub(super) struct Charges<const N: usize> {
    items: [(Charge, Decision); N],
    len: usize,
}

// ===== impl Charges =====

impl<const N: usize> Charges<N> {
    const fn none() -> Self {
        Self {
            items: [(Charge::NONE, Ok(Admitted::NONE)); N],
            len: 0,
        }
    }

    /// There are never more than policies.
    fn push(&mut self, charge: Charge) {
        if let Some(place) = self.items.get_mut(self.len) {
            place.0 = charge;
            self.len += 1;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Replaces what comes of each.
    #[inline]
    pub(super) fn each(&mut self, mut decide: impl FnMut(&Charge, Decision) -> Decision) {
        for (charge, decision) in &mut self.items[..self.len] {
            *decision = decide(charge, *decision);
        }
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Charge, Decision)> {
        self.items[..self.len].iter()
    }
}

// ===== impl Charge =====

impl Charge {
    const NONE: Self = Self {
        rule: 0,
        quota: None,
        cost: NonZeroU32::MIN,
        hash: 0,
        partition_key: 0,
        floor: 0,
    };
}

// ===== impl Rules =====

impl Rules {
    /// Returns what a request is charged.
    #[inline]
    pub(super) fn charges<const N: usize>(
        &self,
        head: &request::Parts,
        facts: &Facts,
        now: u64,
    ) -> Charges<N> {
        let mut charges = Charges::none();
        let path = OnceCell::new();
        for (index, rule) in self.rules.iter().enumerate().take(N) {
            if let Some(charge) = rule.charge(head, facts, now, &path) {
                let rule = index as u8;
                charges.push(Charge { rule, ..charge });
            }
        }
        charges
    }
}

// ===== impl Rule =====

impl Rule {
    /// Returns what a request is charged of this policy, unless it counts none of it.
    #[inline]
    fn charge<'h>(
        &self,
        head: &'h request::Parts,
        facts: &Facts,
        now: u64,
        path: &OnceCell<RequestPath<'h>>,
    ) -> Option<Charge> {
        let policy = &self.policy;
        if !policy.scope.contains(head, path) {
            return None;
        }
        let key = policy.by.key(head, facts)?;
        self.tally.unknown.note(&key);
        let cost = policy.cost.as_ref().map_or(1, |cost| cost(head));
        // What is charged later must be asked for now.
        let least = u32::from(policy.cost_after.is_some());
        let hash = self.store.hash(&key);
        Some(Charge {
            rule: 0,
            quota: self.quotas.find(head, facts, hash),
            cost: NonZeroU32::new(cost.max(least))?,
            hash,
            partition_key: self.store.partition_key(&key),
            floor: self.floor(|quotas| quotas.find(head, facts, hash), hash, now),
        })
    }
}

/// More policies than this for one request are a mistake.
pub(super) const MAX_POLICIES: usize = 8;
