//! Policies, ready to count.

use std::{cell::OnceCell, sync::atomic::Ordering::Relaxed};

use http::request;
use portcullis_core::{ConfigError, Facts};

use super::{
    before::DEEPEST,
    clock::Clock,
    gcra::{Owed, Refused},
    policy::Policy,
    report::Report,
    rule::{Quoted, Rule},
    spendings::{MAX_POLICIES, Spending, Spendings},
};

/// Policies with their counters.
pub(super) struct Rules {
    pub(super) rules: Box<[Rule]>,
    pub(super) report: Report,
    pub(super) clock: Clock,
    max_keys: usize,
}

// ===== impl Rules =====

impl Rules {
    /// Creates counters for each policy, or takes them over from a policy of the same name. The
    /// policies have been [checked](Self::check).
    pub(super) fn new(
        policies: Vec<Policy>,
        report: Report,
        max_keys: usize,
        old: Option<(&Self, u64)>,
    ) -> Self {
        let clock = old.map_or_else(Clock::new, |(old, _)| old.clock);
        let old = old.filter(|(old, _)| old.max_keys == max_keys);
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

    /// Checks that few enough tables are kept of what policies were.
    pub(super) fn check_depth(&self) -> Result<(), ConfigError> {
        let too_deep = self.rules.iter().filter(|rule| rule.depth() > DEEPEST);
        let problem = |rule: &Rule| {
            let name = &rule.policy.name;
            format!(
                "policy {name:?}: its quotas were changed {DEEPEST} times, each while the one before was owed"
            )
        };
        ConfigError::check(too_deep.map(problem).collect())
    }

    /// What a request spends, by its head.
    #[inline]
    pub(super) fn spendings<const N: usize>(
        &self,
        head: &request::Parts,
        facts: &Facts,
        now: u64,
    ) -> Spendings<N> {
        let mut spendings = Spendings::none();
        let path = OnceCell::new();
        for (index, rule) in self.rules.iter().enumerate().take(N) {
            if let Some(spending) = rule.spending(head, facts, now, &path) {
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
        let mut is_refused = false;
        spendings.each(|spending, _| {
            let (rule, _) = self.of(spending);
            let standing = self.spend_one(spending, now);
            is_refused |= standing.is_err() && !rule.policy.dry_run;
            standing
        });
        // Another request was faster.
        if is_refused && spendings.len() > 1 {
            self.refund(spendings, now);
        }
    }

    #[inline]
    fn spend_one(&self, spending: &Spending, now: u64) -> Result<Owed, Refused> {
        let (rule, quoted) = self.of(spending);
        let (counters, rate, hash) = (&rule.counters, &quoted.rate, spending.hash);
        let spent = counters.spend_from(spending.floor, hash, rate, now, spending.cost);
        self.settled(spending, spent, now)
    }

    /// Lets a key that owes more than a burst owe a burst: it had another tier.
    #[inline]
    fn settled(
        &self,
        spending: &Spending,
        standing: Result<Owed, Refused>,
        now: u64,
    ) -> Result<Owed, Refused> {
        let (rule, quoted) = self.of(spending);
        if standing.is_err_and(|Refused(wait)| wait > quoted.rate.window()) {
            let now = self.fresh(now);
            rule.counters.clamp(spending.hash, &quoted.rate, now);
        }
        standing
    }

    /// Refunds what was spent for a request that is refused.
    #[cold]
    fn refund<const N: usize>(&self, spendings: &mut Spendings<N>, now: u64) {
        spendings.each(|spending, standing| {
            let (rule, quoted) = self.of(spending);
            standing.map(|_| {
                let Spending { hash, cost, .. } = *spending;
                rule.counters
                    .refund(hash, &quoted.rate, self.fresh(now), cost);
                self.owed(spending, now)
            })
        });
    }

    /// Returns a time that no request under way is ahead of.
    fn fresh(&self, now: u64) -> u64 {
        self.clock.now().max(now)
    }

    /// What a key owes.
    pub(super) fn owed(&self, spending: &Spending, now: u64) -> Owed {
        let (rule, _) = self.of(spending);
        let tat = rule.counters.tat(spending.hash).max(spending.floor);
        Owed(tat.saturating_sub(now))
    }

    /// Looks how a request would stand with each policy, and spends nothing. Returns `true` if one
    /// refuses, so that none may be spent from.
    pub(super) fn peek_all<const N: usize>(&self, spendings: &mut Spendings<N>, now: u64) -> bool {
        spendings.each(|spending, _| self.peek(spending, now));
        let refused = self.is_refused(spendings);
        if refused {
            spendings.each(|spending, standing| standing.map(|_| self.owed(spending, now)));
        }
        refused
    }

    /// How a request would stand.
    pub(super) fn peek(&self, spending: &Spending, now: u64) -> Result<Owed, Refused> {
        let (_, quoted) = self.of(spending);
        let (rate, tat) = (&quoted.rate, self.owed(spending, now).0 + now);
        let after = rate.spend(tat, now, rate.price(spending.cost));
        self.settled(spending, after.map(|after| Owed(after - now)), now)
    }

    /// Whether a policy that is in force refuses.
    #[inline]
    pub(super) fn is_refused<const N: usize>(&self, spendings: &Spendings<N>) -> bool {
        spendings
            .iter()
            .any(|(spending, standing)| standing.is_err() && !self.of(spending).0.policy.dry_run)
    }

    /// Counts what each policy allowed, refused, or would have refused.
    pub(super) fn tally<const N: usize>(&self, spendings: &Spendings<N>) {
        for (spending, standing) in spendings.iter() {
            let (rule, _) = self.of(spending);
            let tally = match (standing, rule.policy.dry_run) {
                (Ok(_), _) => &rule.tally.allowed,
                (Err(_), true) => &rule.tally.would_refuse,
                (Err(_), false) => {
                    rule.tally.refuse(&rule.policy.name, self.clock.now());
                    continue;
                }
            };
            tally.fetch_add(1, Relaxed);
        }
    }

    #[inline]
    pub(super) fn of(&self, spending: &Spending) -> (&Rule, &Quoted) {
        let rule = &self.rules[usize::from(spending.rule)];
        (rule, rule.quoted(spending.tier))
    }

    /// Spends of the policies for which `is_wanted`.
    pub(super) fn spend_where<const N: usize>(
        &self,
        spendings: &mut Spendings<N>,
        now: u64,
        is_wanted: fn(&Rule) -> bool,
    ) {
        spendings.each(|spending, standing| {
            if is_wanted(self.of(spending).0) {
                self.spend_one(spending, now)
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
