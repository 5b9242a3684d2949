//! Policies, ready to count.

use std::{
    cell::OnceCell,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::request;
use portcullis_core::{ConfigError, Count, Facts, Need, Principal, Quota, RequestPath};

use super::{
    clock::Clock,
    counters::Counters,
    gcra::{Owed, Rate, Refused},
    key::Unknown,
    policy::Policy,
    report::Report,
    spendings::{MAX_POLICIES, Spending, Spendings},
};

/// Policies with their counters.
pub(super) struct Rules {
    pub(super) rules: Box<[Rule]>,
    pub(super) report: Report,
    pub(super) clock: Clock,
    max_keys: usize,
}

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
    pub(super) tally: Arc<Tally>,
}

/// A quota as the algorithm and as clients see it.
pub(super) struct Quoted {
    pub(super) quota: Quota,
    pub(super) rate: Rate,
}

/// What was refused, and of whom.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) refused: AtomicU64,
    pub(super) would_refuse: AtomicU64,
    pub(super) unknown: Unknown,
}

// ===== impl Rules =====

impl Rules {
    /// Creates counters for each policy, or takes them over from a policy of the same name. The
    /// policies have been [checked](Self::check).
    pub(super) fn new(
        policies: Vec<Policy>,
        report: Report,
        max_keys: usize,
        old: Option<&Self>,
    ) -> Self {
        let clock = old.map_or_else(Clock::new, |old| old.clock);
        let old = old.filter(|old| old.max_keys == max_keys);
        let rule = |policy| Rule::new(policy, max_keys, old);
        let rules: Box<[Rule]> = policies.into_iter().map(rule).collect();
        Self {
            report: report.about(&rules),
            rules,
            clock,
            max_keys,
        }
    }

    pub(super) fn check(policies: &[Policy]) -> Result<(), ConfigError> {
        ConfigError::check(problems(policies))
    }

    /// What a request spends, by its head.
    #[inline]
    pub(super) fn spendings<const N: usize>(
        &self,
        head: &request::Parts,
        facts: &Facts,
    ) -> Spendings<N> {
        let mut spendings = Spendings::none();
        let path = OnceCell::new();
        for (index, rule) in self.rules.iter().enumerate().take(N) {
            if let Some(spending) = rule.spending(head, facts, &path) {
                let rule = index as u8;
                spendings.push(Spending { rule, ..spending });
            }
        }
        spendings
    }

    /// Spends all of it, if every policy allows it; otherwise nothing.
    #[inline]
    pub(super) fn spend<const N: usize>(&self, spendings: &mut Spendings<N>, now: u64) {
        if spendings.len() > 1 && self.peek_all(spendings, now) {
            return;
        }
        spendings.each(|spending, _| {
            let (rule, quoted) = self.of(spending);
            let Spending { hash, cost, .. } = *spending;
            rule.counters.spend(hash, &quoted.rate, now, cost)
        });
    }

    /// Looks how a request would stand with each policy, and spends nothing. Returns `true` if one
    /// refuses, so that none may be spent from.
    pub(super) fn peek_all<const N: usize>(&self, spendings: &mut Spendings<N>, now: u64) -> bool {
        spendings.each(|spending, _| self.peek(spending, now));
        let refused = self.is_refused(spendings);
        if refused {
            spendings.each(|spending, standing| {
                let (rule, _) = self.of(spending);
                standing.map(|_| rule.counters.owed(spending.hash, now))
            });
        }
        refused
    }

    /// How a request would stand.
    pub(super) fn peek(&self, spending: &Spending, now: u64) -> Result<Owed, Refused> {
        let (rule, quoted) = self.of(spending);
        rule.counters
            .peek(spending.hash, &quoted.rate, now, spending.cost)
    }

    /// Whether a policy that is in force refuses.
    #[inline]
    pub(super) fn is_refused<const N: usize>(&self, spendings: &Spendings<N>) -> bool {
        spendings
            .iter()
            .any(|(spending, standing)| standing.is_err() && !self.of(spending).0.policy.dry_run)
    }

    /// Counts what was refused, or would have been.
    pub(super) fn tally<const N: usize>(&self, spendings: &Spendings<N>) {
        for (spending, standing) in spendings.iter() {
            let (rule, _) = self.of(spending);
            let tally = if rule.policy.dry_run {
                &rule.tally.would_refuse
            } else {
                &rule.tally.refused
            };
            if standing.is_err() {
                tally.fetch_add(1, Relaxed);
            }
        }
    }

    #[inline]
    pub(super) fn of(&self, spending: &Spending) -> (&Rule, &Quoted) {
        let rule = &self.rules[usize::from(spending.rule)];
        let tier = spending.tier.map(|place| &rule.tiers[place as usize]);
        (rule, tier.unwrap_or(&rule.own))
    }

    /// Spends of the policies for which `is_wanted`.
    pub(super) fn spend_where<const N: usize>(
        &self,
        spendings: &mut Spendings<N>,
        now: u64,
        is_wanted: fn(&Rule) -> bool,
    ) {
        spendings.each(|spending, standing| {
            let (rule, quoted) = self.of(spending);
            let Spending { hash, cost, .. } = *spending;
            if is_wanted(rule) {
                rule.counters.spend(hash, &quoted.rate, now, cost)
            } else {
                standing
            }
        });
    }

    pub(super) const fn max_keys(&self) -> usize {
        self.max_keys
    }
}

/// Everything that is wrong with policies, each by itself and together.
fn problems(policies: &[Policy]) -> Vec<String> {
    let mut problems: Vec<_> = policies.iter().flat_map(Policy::problems).collect();
    let mut names: Vec<_> = policies.iter().map(|policy| &policy.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]);
    problems.extend(twice.map(|pair| format!("rate limit: two policies are called {:?}", pair[0])));
    if policies.len() > MAX_POLICIES {
        problems.push(format!("rate limit: more than {MAX_POLICIES} policies"));
    }
    problems
}

// ===== impl Rule =====

impl Rule {
    fn new(policy: Policy, max_keys: usize, old: Option<&Rules>) -> Self {
        let own = Quoted::new(policy.quota);
        let mut rules = old.iter().flat_map(|old| &old.rules);
        let before = rules.find(|rule| {
            rule.policy.name == policy.name && rule.policy.by.to_string() == policy.by.to_string()
        });
        if let (Some(before), Some(old)) = (before, old)
            && before.own.rate != own.rate
        {
            let now = old.clock.now();
            before.counters.convert(&before.own.rate, &own.rate, now);
        }
        Self {
            tiers: policy.tiers.iter().map(|(_, q)| Quoted::new(*q)).collect(),
            places: policy
                .tiers
                .iter()
                .map(|(tier, _)| tier.clone())
                .zip(0..)
                .collect(),
            own,
            start: format!("\"{}\";r=", policy.name).into(),
            counters: match before {
                Some(before) => Arc::clone(&before.counters),
                None => Arc::new(Counters::new(max_keys)),
            },
            tally: before
                .map(|before| Arc::clone(&before.tally))
                .unwrap_or_default(),
            policy,
        }
    }

    /// What a request spends of this policy, unless it counts none of it.
    #[inline]
    fn spending<'h>(
        &self,
        head: &'h request::Parts,
        facts: &Facts,
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
        (cost > 0).then(|| Spending {
            rule: 0,
            tier: self.tier(head, facts),
            cost,
            hash: self.counters.hash(&key),
            partition_key: self.counters.partition_key(&key),
        })
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

    pub(super) fn counts(&self) -> [Count; 4] {
        let policy = || self.policy.name.to_string();
        let tally = |tally: &AtomicU64| tally.load(Relaxed);
        [
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
                "Memory of a policy's table, which does not change",
                self.counters.bytes() as u64,
            ),
        ]
        .map(|count| count.label("policy", policy()))
    }

    #[inline]
    fn tier(&self, head: &request::Parts, facts: &Facts) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        let tier = match &self.policy.tier_by {
            Some(tier_by) => tier_by(head),
            None => facts.get().map(Principal::id),
        };
        self.places.get(tier?).copied()
    }
}

// ===== impl Quoted =====

impl Quoted {
    fn new(quota: Quota) -> Self {
        Self {
            quota,
            rate: Rate::new(quota),
        }
    }
}
