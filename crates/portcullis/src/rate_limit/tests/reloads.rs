//! Policies that change while requests are counted.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use http::{Request, request};
use portcullis_core::{Guard, Quota, Reply, Verdict};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{sync::RwLock, time::advance};

use super::super::{RateLimit, charges::Charges, key_by::KeyBy, policy::Policy, rules::Rules};

const KEYS: usize = 6;
const TIERS: [&str; 2] = ["silver", "gold"];

/// Keys 0 and 1 have no tier, 2 and 3 are silver, 4 and 5 are gold.
fn tier(key: usize) -> Option<&'static str> {
    (key / 2).checked_sub(1).map(|tier| TIERS[tier])
}

fn policy(quotas: [Quota; 3]) -> Policy {
    let header = |head: &request::Parts, name: &str| {
        let value = head.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let key = KeyBy::head(move |head| header(head, "key").map(Into::into));
    let policy = Policy::new("p", quotas[0]).by(key);
    let tiers = TIERS.iter().zip(&quotas[1..]);
    let policy = tiers.fold(policy, |policy, (tier, quota)| policy.tier(*tier, *quota));
    policy.tier_by(|head| Some(head.headers.get("tier")?.to_str().ok()?.into()))
}

fn head(key: usize) -> request::Parts {
    let mut request = Request::get("/").header("key", key.to_string());
    if let Some(tier) = tier(key) {
        request = request.header("tier", tier);
    }
    request.body(()).unwrap().into_parts().0
}

/// Spends one request at a time. Returns how long to wait if it is refused.
fn spend(rules: &Rules, key: usize, now: u64) -> Result<(), u64> {
    let head = head(key);
    let mut charges: Charges<1> =
        rules.charges(&head, portcullis_core::Facts::of(&head.extensions), now);
    rules.decide(&mut charges, now);
    let (_, decision) = charges.iter().next().unwrap();
    decision.map(drop).map_err(|over| over.wait_nanos())
}

/// In nanoseconds.
fn window(quota: Quota) -> u64 {
    quota.refill_interval().as_nanos() as u64 * u64::from(quota.max_burst())
}

/// What a key may spend, in numbers that cannot overflow, told only of what was admitted.
#[derive(Clone, Copy, Default)]
struct Reference {
    tat: i128,
}

impl Reference {
    fn conforms(self, quota: Quota, now: i128) -> bool {
        let interval = quota.refill_interval().as_nanos() as i128;
        self.tat.max(now) + interval - now <= interval * i128::from(quota.max_burst())
    }

    fn spend(&mut self, quota: Quota, now: i128) {
        self.tat = self.tat.max(now) + quota.refill_interval().as_nanos() as i128;
    }

    fn convert(&mut self, old: Quota, new: Quota, now: i128) {
        let interval = |quota: Quota| quota.refill_interval().as_nanos() as i128;
        let owed = (self.tat - now).max(0) * interval(new);
        let owed = (owed + interval(old) - 1) / interval(old);
        self.tat = now + owed.min(interval(new) * i128::from(new.max_burst()));
    }
}

fn random_quotas(rng: &mut SmallRng) -> [Quota; 3] {
    std::array::from_fn(|_| {
        let quotas = [
            Quota::per_second(7),
            Quota::per_minute(100),
            Quota::per_hour(3000),
        ];
        quotas[rng.random_range(0..3)].burst(rng.random_range(1..=20))
    })
}

#[test]
fn a_hundred_thousand_steps_with_reloads_are_those_of_the_reference() {
    let mut rng = SmallRng::seed_from_u64(3);
    let mut quotas = random_quotas(&mut rng);
    let limit = RateLimit::try_new([policy(quotas)]).unwrap();
    let mut references = [Reference::default(); KEYS];
    let (mut admitted, mut refused, mut reloads) = (0, 0, 0);
    // The clock of the limit is not asked but when policies change.
    let mut offset = 0;
    for step in 0..100_000 {
        let rules = limit.rules.get();
        let now = rules.clock.now() + offset;
        if rng.random_range(0..200) == 0 {
            let old = quotas;
            quotas = random_quotas(&mut rng);
            drop(rules);
            limit.set_policies_at([policy(quotas)], now).unwrap();
            for (key, reference) in references.iter_mut().enumerate() {
                reference.convert(old[key / 2], quotas[key / 2], now.into());
            }
            reloads += 1;
            continue;
        }
        let key = rng.random_range(0..KEYS);
        let quota = quotas[key / 2];
        match spend(&rules, key, now) {
            Ok(()) => {
                assert!(
                    references[key].conforms(quota, now.into()),
                    "step {step}: over its quota"
                );
                references[key].spend(quota, now.into());
                admitted += 1;
            }
            Err(wait) => {
                assert!(
                    !references[key].conforms(quota, now.into()),
                    "step {step}: locked out"
                );
                assert!(wait <= window(quota), "step {step}: {wait}");
                refused += 1;
            }
        }
        offset += rng.random_range(0..100_000_000);
    }
    assert!(
        admitted > 10_000 && refused > 10_000 && reloads > 300,
        "{admitted} {refused} {reloads}"
    );
}

/// Of one thread: keys of its own, and what the reference says of them.
struct Spender<'t> {
    rng: SmallRng,
    first: usize,
    references: &'t Mutex<[Reference; KEYS]>,
    steps: [u32; 2],
}

impl Spender<'_> {
    fn spend_one(&mut self, rules: &Rules, quotas: &[Quota; 3], now: u64) {
        let key = self.first + 2 * self.rng.random_range(0..KEYS / 2);
        let quota = quotas[key / 2];
        let spent = spend(rules, key, now);
        let reference = &mut self.references.lock().unwrap()[key];
        assert_eq!(spent.is_ok(), reference.conforms(quota, now.into()));
        if spent.is_ok() {
            reference.spend(quota, now.into());
        }
        let wait = spent.err().unwrap_or(0);
        assert!(wait <= window(quota), "{wait}");
        self.steps[usize::from(spent.is_ok())] += 1;
    }
}

/// Two threads spend of one table, each with keys of its own, and reload it in turn: every decision is
/// that of the reference.
#[test]
fn so_are_they_on_two_threads() {
    const STEPS: u32 = 50_000;
    let first = random_quotas(&mut SmallRng::seed_from_u64(7));
    let limit = RateLimit::try_new([policy(first)]).unwrap();
    let in_force = RwLock::new(first);
    let references = Mutex::new([Reference::default(); KEYS]);
    let (offset, reloads) = (AtomicU64::new(0), AtomicU64::new(0));
    let run = |first: usize| {
        let rng = SmallRng::seed_from_u64(11 + first as u64);
        let mut spender = Spender {
            rng,
            first,
            references: &references,
            steps: [0; 2],
        };
        for _ in 0..STEPS {
            let now = || limit.rules.get().clock.now() + offset.load(Relaxed);
            if spender.rng.random_range(0..400) == 0 {
                let mut old = in_force.blocking_write();
                let (new, now) = (random_quotas(&mut spender.rng), now());
                // Refused where too many tables are kept.
                if limit.set_policies_at([policy(new)], now).is_ok() {
                    for (key, reference) in references.lock().unwrap().iter_mut().enumerate() {
                        reference.convert(old[key / 2], new[key / 2], now.into());
                    }
                    *old = new;
                    reloads.fetch_add(1, Relaxed);
                }
            } else {
                let quotas = in_force.blocking_read();
                spender.spend_one(&limit.rules.get(), &quotas, now());
            }
            offset.fetch_add(spender.rng.random_range(0..60_000_000), Relaxed);
        }
        spender.steps
    };
    let steps = thread::scope(|scope| {
        [0, 1]
            .map(|first| scope.spawn(move || run(first)))
            .map(|thread| thread.join().unwrap())
    });

    let [refused, admitted] = [0, 1].map(|at| steps[0][at] + steps[1][at]);
    let reloads = reloads.into_inner();
    assert!(
        admitted > 10_000 && refused > 10_000 && reloads > 150,
        "{admitted} {refused} {reloads}"
    );
}

/// Time stands still, rates change under two threads that spend of one key: it gets a burst, and at
/// most one request more for each change and thread, which the old policy judged.
#[test]
fn a_race_with_a_reload_admits_one_more_at_most() {
    const RELOADS: u64 = 12;
    let quotas = [Quota::per_hour(500), Quota::per_minute(500)];
    for _ in 0..50 {
        let limit = RateLimit::try_new([policy([quotas[0]; 3])]).unwrap();
        let (admitted, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let now = limit.rules.get().clock.now();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Relaxed) {
                        let spent = spend(&limit.rules.get(), 0, now);
                        admitted.fetch_add(u64::from(spent.is_ok()), Relaxed);
                    }
                });
            }
            for reload in 0..RELOADS {
                let quota = quotas[(reload as usize + 1) % 2];
                limit.set_policies_at([policy([quota; 3])], now).unwrap();
            }
            is_over.store(true, Relaxed);
        });
        let admitted = admitted.into_inner();
        assert!(admitted <= 500 + 2 * RELOADS, "{admitted}");
    }
}

#[test]
fn a_tier_is_converted_by_its_own_quota() {
    let hour = Quota::per_hour;
    let limit = RateLimit::try_new([policy([hour(10), hour(100), hour(1000)])]).unwrap();
    let rules = limit.rules.get();
    let now = rules.clock.now();
    for _ in 0..500 {
        spend(&rules, 4, now).unwrap();
    }
    limit
        .set_policies_at([policy([hour(5), hour(100), hour(1000)])], now)
        .unwrap();

    let rules = limit.rules.get();
    let left = (0..1000)
        .take_while(|_| spend(&rules, 4, now).is_ok())
        .count();
    assert_eq!(left, 500);
}

#[test]
fn changes_that_are_too_many_are_refused_and_leave_the_old() {
    let limit = RateLimit::new(Quota::per_hour(100));
    let change = |quota| limit.set_policies([Policy::new("default", Quota::per_hour(quota))]);
    for quota in 1..=16 {
        change(quota).unwrap();
    }

    assert_eq!(
        change(17).unwrap_err().to_string(),
        "policy \"default\": its quotas were changed 16 times, each while the one before counted"
    );
    assert!(limit.describe().contains("16/h"), "{}", limit.describe());
    let same = [Policy::new("default", Quota::per_hour(16))];
    limit.set_policies(same).unwrap();
}

/// Two threads spend, a third changes the policies to and fro: what a request of the old policy does
/// late locks nobody out.
#[test]
fn reloads_under_load_lock_nobody_out() {
    let slow = || policy([Quota::per_hour(1).burst(1000); 3]);
    let fast = || policy([Quota::per_second(1000); 3]);
    for _ in 0..20 {
        let limit = RateLimit::try_new([slow()]).unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Relaxed) {
                        let _: Verdict = limit.admit(&mut head(0), &mut Reply::default());
                    }
                });
            }
            for _ in 0..7 {
                limit.set_policies([fast()]).unwrap();
                limit.set_policies([slow()]).unwrap();
            }
            limit.set_policies([fast()]).unwrap();
            is_over.store(true, Relaxed);
        });
        let rules = limit.rules.get();
        let window = Duration::from_secs(1).as_nanos() as u64;
        assert_eq!(spend(&rules, 0, rules.clock.now() + window), Ok(()));
    }
}

/// Of two policies one is nearly spent: whoever loses the race for it spends nothing of the other.
#[test]
fn a_request_that_loses_a_race_spends_nothing() {
    for _ in 0..200 {
        let all = || KeyBy::head(|_| Some("all".into()));
        let policies = [
            Policy::new("wide", Quota::per_hour(1000)).by(all()),
            Policy::new("narrow", Quota::per_hour(8)).by(all()),
        ];
        let limit = RateLimit::try_new(policies).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        let _: Verdict = limit.admit(&mut head(0), &mut Reply::default());
                    }
                });
            }
        });
        let rules = limit.rules.get();
        let head = head(0);
        let now = rules.clock.now();
        let charges: Charges<2> =
            rules.charges(&head, portcullis_core::Facts::of(&head.extensions), now);
        let (wide, _) = charges.iter().next().unwrap();
        assert_eq!(rules.standing(wide, now).left(), 1000 - 8);
    }
}

fn tiered(own: Quota) -> Policy {
    let policy = Policy::new("p", own).by(KeyBy::global());
    policy.tier_by(|head| Some(head.headers.get("tier")?.to_str().ok()?.into()))
}

fn admitted(limit: &RateLimit, key: usize, requests: usize) -> usize {
    let admit = || limit.admit(&mut head(key), &mut Reply::default());
    (0..requests).filter(|_| admit().is_admit()).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_survives_two_changes() {
    let limit = RateLimit::try_new([tiered(Quota::per_second(10))]).unwrap();
    assert_eq!(admitted(&limit, 0, 20), 10);
    limit.set_policies([tiered(Quota::per_hour(10))]).unwrap();
    advance(Duration::from_secs(2)).await;
    limit.set_policies([tiered(Quota::per_hour(11))]).unwrap();

    assert_eq!(
        admitted(&limit, 0, 20),
        1,
        "10 of 11 have been spent, 2 s ago"
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_can_be_changed_again_once_nothing_is_owed() {
    let limit = RateLimit::new(Quota::per_second(100));
    let change = |quota| limit.set_policies([Policy::new("default", Quota::per_second(quota))]);
    for quota in 1..=16 {
        change(quota).unwrap();
    }
    assert!(change(17).is_err());
    advance(Duration::from_secs(2)).await;
    change(17).unwrap();

    let one = RateLimit::new(Quota::per_second(1)).bytes();
    assert_eq!(limit.bytes(), 2 * one, "the others are gone");
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_is_taken_away_is_converted_by_its_own_quota() {
    let (hour, second) = (Quota::per_hour, Quota::per_second);
    // Key 4 is gold.
    let limit = RateLimit::try_new([tiered(hour(10)).tier("gold", second(1000))]).unwrap();
    assert_eq!(admitted(&limit, 4, 500), 500);
    limit.set_policies([tiered(hour(9))]).unwrap();
    assert_eq!(admitted(&limit, 4, 20), 0, "500 of 9 have been spent");

    let limit = RateLimit::try_new([tiered(second(100)).tier("gold", hour(10))]).unwrap();
    assert_eq!(admitted(&limit, 4, 1), 1);
    limit.set_policies([tiered(hour(50))]).unwrap();
    assert_eq!(admitted(&limit, 4, 100), 49, "1 of 50 has been spent");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_gets_another_tier_waits_no_longer_than_its_window() {
    let slow = Quota::per_hour(1).burst(24);
    let limit = RateLimit::try_new([tiered(slow).tier("gold", Quota::per_second(10))]).unwrap();
    assert_eq!(admitted(&limit, 0, 30), 24);
    assert_eq!(admitted(&limit, 4, 1), 0, "the key is the same");
    advance(Duration::from_secs(1)).await;

    assert_eq!(admitted(&limit, 4, 20), 10);
}

#[tokio::test(start_paused = true)]
async fn so_it_does_where_there_are_several_policies() {
    let slow = Quota::per_hour(1).burst(24);
    let wide = Policy::new("wide", Quota::per_second(1000)).by(KeyBy::global());
    let tiers = tiered(slow).tier("gold", Quota::per_second(10));
    let limit = RateLimit::try_new([tiers, wide]).unwrap();
    assert_eq!(admitted(&limit, 0, 30), 24);
    assert_eq!(admitted(&limit, 4, 1), 0, "the key is the same");
    advance(Duration::from_secs(1)).await;

    assert_eq!(admitted(&limit, 4, 20), 10);
}

#[tokio::test(start_paused = true)]
async fn tiers_in_another_order_are_no_change() {
    let policy = |one: (&'static str, u32), other: (&'static str, u32)| {
        let tier = |policy: Policy, (name, quota)| policy.tier(name, Quota::per_hour(quota));
        tier(tier(tiered(Quota::per_hour(9)), one), other)
    };
    let limit = RateLimit::try_new([policy(("a", 1), ("b", 2))]).unwrap();
    let bytes = limit.bytes();
    limit.set_policies([policy(("b", 2), ("a", 1))]).unwrap();

    assert_eq!(limit.bytes(), bytes);
}
