//! The quotas of one policy: whose is which.

use std::{collections::HashMap, sync::Arc};

use http::request;
use portcullis_core::{Facts, Principal};

use super::{
    policy::{Policy, TierBy},
    rate::Rate,
    store::Store,
};

/// The quotas of one policy. That of a key of its own comes before that of its tier, and that
/// before the policy's.
pub(super) struct Quotas {
    own: Rate,
    /// Of tiers and of keys.
    others: Box<[Rate]>,
    /// Where each tier's is.
    tiers: HashMap<Arc<str>, u32>,
    tier_by: Option<Arc<TierBy>>,
    /// Where that of each key is, by the key's hash.
    keys: HashMap<u64, u32>,
}

// ===== impl Quotas =====

impl Quotas {
    /// Creates the quotas of a policy, over a store.
    pub(super) fn new(policy: &Policy, store: &Arc<Store>) -> Self {
        let rate = |quota| Rate::new(quota, Arc::clone(store));
        let tiers = policy.tiers.iter().map(|(tier, _)| Arc::clone(tier));
        let keys = policy.keys.iter();
        // Names that are no key are problems of the policy.
        let keys = keys.filter_map(|(name, _)| policy.key_of(name));
        let keys = keys.map(|key| store.hash(&key));
        let others = policy.tiers.iter().map(|(_, quota)| quota);
        let others = others.chain(policy.keys.iter().map(|(_, quota)| quota));
        Self {
            own: rate(policy.quota),
            others: others.map(|quota| rate(*quota)).collect(),
            tiers: tiers.zip(0..).collect(),
            tier_by: policy.tier_by.clone(),
            keys: keys.zip(policy.tiers.len() as u32..).collect(),
        }
    }

    /// Returns which quota a key has, unless it is the policy's own.
    #[inline]
    pub(super) fn find(&self, head: &request::Parts, facts: &Facts, hash: u64) -> Option<u32> {
        if self.others.is_empty() {
            return None;
        }
        let own = self.keys.get(&hash).copied();
        own.or_else(|| self.tiers.get(self.tier(head, facts)?).copied())
    }

    /// Returns the quota that was found.
    #[inline]
    pub(super) fn get(&self, found: Option<u32>) -> &Rate {
        let other = found.and_then(|place| self.others.get(place as usize));
        other.unwrap_or(&self.own)
    }

    /// Returns whether all keys have the policy's own quota.
    pub(super) const fn is_one(&self) -> bool {
        self.others.is_empty()
    }

    /// Returns whether each key has the same quota as there. A function that finds tiers is taken
    /// for the same.
    pub(super) fn are_same(&self, other: &Self) -> bool {
        self.own == other.own
            && self.by_tier() == other.by_tier()
            && self.by_key() == other.by_key()
    }

    pub(super) fn longest_window(&self) -> u64 {
        let all = self.others.iter().chain([&self.own]);
        all.map(Rate::window).max().unwrap_or(0)
    }

    fn by_tier(&self) -> HashMap<&str, &Rate> {
        let tiers = self.tiers.iter();
        tiers
            .map(|(tier, place)| (&**tier, self.get(Some(*place))))
            .collect()
    }

    fn by_key(&self) -> HashMap<u64, &Rate> {
        let keys = self.keys.iter();
        keys.map(|(hash, place)| (*hash, self.get(Some(*place))))
            .collect()
    }

    /// Returns the tier of a request: the principal's id, unless a function says otherwise.
    fn tier<'a>(&self, head: &'a request::Parts, facts: &'a Facts) -> Option<&'a str> {
        match &self.tier_by {
            Some(tier_by) => tier_by(head),
            None => facts.get().map(Principal::id),
        }
    }
}
