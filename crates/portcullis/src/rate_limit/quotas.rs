//! The quotas of one policy: whose is which, and what was spent while they were others.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use http::request;
use portcullis_core::{Facts, Principal};

use super::{
    policy::{Policy, TierBy},
    rate::Rate,
    rules::Rule,
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

/// What was spent of a policy at other rates, up to a time.
///
/// Nothing is converted when policies change. Who asks for a key converts what it has spent by the
/// quota that it had, as of that time: the same whoever asks, and however often. Requests that were
/// judged by the old policy until then are in it too.
pub(super) struct Before {
    store: Arc<Store>,
    quotas: Arc<Quotas>,
    until: u64,
    /// At most a burst of the policy that followed is spent.
    full_at: u64,
    before: Option<Arc<Self>>,
}

/// Finds the quota of one key.
type Find<'f> = dyn Fn(&Quotas) -> Option<u32> + 'f;

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
        own.or_else(|| self.tiers.get(&*self.tier(head, facts)?).copied())
    }

    /// Returns which quota a key of a tier has, unless it is the policy's own.
    pub(super) fn find_named(&self, tier: Option<&str>, hash: u64) -> Option<u32> {
        let own = self.keys.get(&hash).copied();
        own.or_else(|| self.tiers.get(tier?).copied())
    }

    /// Returns the tier whose quota was found.
    pub(super) fn name(&self, found: Option<u32>) -> Option<Arc<str>> {
        let mut tiers = self.tiers.iter();
        let (tier, _) = tiers.find(|(_, place)| Some(**place) == found)?;
        Some(Arc::clone(tier))
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
    fn tier<'a>(&self, head: &'a request::Parts, facts: &'a Facts) -> Option<Cow<'a, str>> {
        match &self.tier_by {
            Some(tier_by) => tier_by(head),
            None => facts.get().map(|who: &Principal| who.id().into()),
        }
    }
}

// ===== impl Before =====

impl Before {
    /// Keeps what was spent until now, and what was spent before that and has not refilled.
    pub(super) fn new(rule: &Rule, following: &Quotas, until: u64) -> Self {
        Self {
            store: Arc::clone(&rule.store),
            quotas: Arc::clone(&rule.quotas),
            until,
            full_at: until.saturating_add(following.longest_window()),
            before: rule.before_at(until).cloned(),
        }
    }

    /// Returns a key's theoretical arrival time at another rate: it has spent as many requests.
    #[cold]
    pub(super) fn tat(&self, find: &Find<'_>, hash: u64, rate: &Rate) -> u64 {
        let old = self.quotas.get(find(&self.quotas));
        let earlier = self.before.as_ref();
        let earlier = earlier.map_or(0, |before| before.tat(find, hash, old));
        let tat = self.store.tat(hash).max(earlier);
        rate.convert(old, tat, self.until)
    }

    /// Whether something may not have refilled by then.
    pub(super) const fn counts_at(&self, now: u64) -> bool {
        now < self.full_at
    }

    /// How many tables there are.
    pub(super) fn depth(&self) -> usize {
        1 + self.before.as_ref().map_or(0, |before| before.depth())
    }

    pub(super) fn bytes(&self) -> usize {
        let before = self.before.as_ref();
        self.store.bytes() + before.map_or(0, |before| before.bytes())
    }
}

/// Tables of policies that were in force one after the other, each while the one before counted.
pub(super) const DEEPEST: usize = 16;
