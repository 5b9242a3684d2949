//! One policy, ready to count.

use std::{
    cell::OnceCell,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::request;
use portcullis_core::{Count, Facts, Need, Quota, RequestPath};

use super::{
    before::Before,
    counters::Counters,
    gcra::Rate,
    key::Unknown,
    policy::{Policy, tier_of},
    rules::Rules,
    spendings::Spending,
};

/// One policy with its counters.
pub(super) struct Rule {
    pub(super) policy: Policy,
    /// How its item of `RateLimit` begins.
    pub(super) start: Box<str>,
    own: Quoted,
    tiers: Box<[Quoted]>,
    /// Where each tier is.
    places: HashMap<Arc<str>, u32>,
    pub(super) counters: Arc<Counters>,
    /// What was spent before the quotas were changed.
    pub(super) before: Option<Arc<Before>>,
    pub(super) tally: Arc<Tally>,
}

/// A quota as the algorithm and as clients see it.
pub(super) struct Quoted {
    pub(super) quota: Quota,
    pub(super) rate: Rate,
}

/// What was allowed and refused, and of whom.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) allowed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
    pub(super) unknown: Unknown,
    /// When a refusal was logged, if any was, and how many were not since.
    logged: AtomicU64,
    unlogged: AtomicU64,
}

// ===== impl Rule =====

impl Rule {
    pub(super) fn new(policy: Policy, max_keys: usize, old: Option<(&Rules, u64)>) -> Self {
        let own = Quoted::new(policy.quota);
        let mut rules = old.iter().flat_map(|(old, _)| &old.rules);
        let before = rules.find(|rule| {
            rule.policy.name == policy.name && rule.policy.by.to_string() == policy.by.to_string()
        });
        let rule = Self {
            own,
            tiers: policy.tiers.iter().map(|(_, q)| Quoted::new(*q)).collect(),
            places: policy
                .tiers
                .iter()
                .map(|(tier, _)| tier.clone())
                .zip(0..)
                .collect(),
            start: format!("\"{}\";r=", policy.name).into(),
            counters: Arc::new(Counters::new(max_keys)),
            before: None,
            tally: Arc::default(),
            policy,
        };
        match (before, old) {
            (Some(before), Some((_, now))) => rule.following(before, max_keys, now),
            _ => rule,
        }
    }

    /// Goes on where a policy of the same name and key stopped.
    fn following(self, old: &Self, max_keys: usize, now: u64) -> Self {
        let is_same = self.own.rate == old.own.rate && self.rates() == old.rates();
        let (counters, before) = if is_same {
            (Arc::clone(&old.counters), old.before.clone())
        } else {
            let before = Arc::new(Before::new(old, &self, now));
            (Arc::new(old.counters.emptied(max_keys)), Some(before))
        };
        Self {
            counters,
            before,
            tally: Arc::clone(&old.tally),
            ..self
        }
    }

    /// Returns the rate of each tier.
    pub(super) fn rates(&self) -> HashMap<Arc<str>, Rate> {
        let tiers = self.policy.tiers.iter().map(|(tier, _)| Arc::clone(tier));
        tiers
            .zip(self.tiers.iter().map(|quoted| quoted.rate))
            .collect()
    }

    pub(super) fn longest_window(&self) -> u64 {
        let all = self.tiers.iter().chain([&self.own]);
        all.map(|quoted| quoted.rate.window()).max().unwrap_or(0)
    }

    /// Returns what was spent before the quotas were changed, if some of it is owed then.
    pub(super) fn before_at(&self, now: u64) -> Option<&Arc<Before>> {
        self.before.as_ref().filter(|before| before.is_owed_at(now))
    }

    /// Returns how many tables are kept of what the policy was.
    pub(super) fn depth(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.depth())
    }

    /// Returns how many bytes the tables take.
    pub(super) fn bytes(&self) -> usize {
        let before = self.before.as_ref();
        self.counters.bytes() + before.map_or(0, |before| before.bytes())
    }

    /// What a request spends of this policy, unless it counts none of it.
    #[inline]
    pub(super) fn spending<'h>(
        &self,
        head: &'h request::Parts,
        facts: &Facts,
        now: u64,
        path: &OnceCell<RequestPath<'h>>,
    ) -> Option<Spending> {
        let policy = &self.policy;
        let is_counted = policy.scope.is_everything()
            || policy
                .scope
                .contains(head, path.get_or_init(|| RequestPath::of(head)));
        if !is_counted {
            return None;
        }
        let key = policy.by.key(head, facts)?;
        self.tally.unknown.note(&key);
        let cost = policy.cost.as_ref().map_or(1, |cost| cost(head));
        let (tier, hash) = (self.tier(head, facts), self.counters.hash(&key));
        let floor = self.before_at(now).map_or(0, |before| {
            before.tat(head, facts, hash, &self.quoted(tier).rate)
        });
        (cost > 0).then(|| Spending {
            rule: 0,
            tier,
            cost,
            hash,
            partition_key: self.counters.partition_key(&key),
            floor,
        })
    }

    /// Returns the quota of a tier, or the policy's own.
    #[inline]
    pub(super) fn quoted(&self, tier: Option<u32>) -> &Quoted {
        tier.map_or(&self.own, |place| &self.tiers[place as usize])
    }

    /// Returns what must be known of a request to count it.
    pub(super) fn needs(&self) -> impl Iterator<Item = Need> {
        let policy = &self.policy;
        let by_principal = !policy.tiers.is_empty() && policy.tier_by.is_none();
        let tier = by_principal.then_some(Need::Principal);
        policy.by.needs().iter().copied().chain(tier)
    }

    pub(super) const fn own(&self) -> &Quoted {
        &self.own
    }

    pub(super) fn counts(&self) -> [Count; 5] {
        let policy = || self.policy.name.to_string();
        let tally = |tally: &AtomicU64| tally.load(Relaxed);
        [
            Count::total(
                "portcullis_rate_limit_allowed",
                "Requests that a policy counted and allowed",
                tally(&self.tally.allowed),
            ),
            Count::total(
                "portcullis_rate_limit_refused",
                "Requests that a policy refused",
                tally(&self.tally.refused),
            ),
            Count::total(
                "portcullis_rate_limit_dry_run_refused",
                "Requests that a policy would have refused if it were in force",
                tally(&self.tally.would_refuse),
            ),
            Count::total(
                "portcullis_rate_limit_overflow",
                "Requests of new keys that shared a quota because their part of the table was full",
                self.counters.overflows(),
            ),
            Count::gauge(
                "portcullis_rate_limit_table_bytes",
                "Memory of a policy's tables: one, and those of earlier quotas",
                self.bytes() as u64,
            ),
        ]
        .map(|count| count.label("policy", policy()))
    }

    #[inline]
    fn tier(&self, head: &request::Parts, facts: &Facts) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        let tier = tier_of(self.policy.tier_by.as_deref(), head, facts);
        self.places.get(tier?).copied()
    }
}

// ===== impl Tally =====

impl Tally {
    /// Counts a refusal. Logs the first, and then how many there were, at most once a minute.
    #[cold]
    pub(super) fn refuse(&self, policy: &str, now: u64) {
        self.refused.fetch_add(1, Relaxed);
        let last = self.logged.load(Relaxed);
        let is_due = last == 0 || now.saturating_sub(last) >= MINUTE;
        // Of several at once one logs.
        let next = now.max(1);
        if is_due
            && self
                .logged
                .compare_exchange(last, next, Relaxed, Relaxed)
                .is_ok()
        {
            let requests = 1 + self.unlogged.swap(0, Relaxed);
            tracing::info!(target: "portcullis", policy, requests, "over the quota");
        } else {
            self.unlogged.fetch_add(1, Relaxed);
        }
    }
}

/// In nanoseconds.
const MINUTE: u64 = 60_000_000_000;

// ===== impl Quoted =====

impl Quoted {
    fn new(quota: Quota) -> Self {
        Self {
            quota,
            rate: Rate::new(quota),
        }
    }
}
