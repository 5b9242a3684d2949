use std::{num::NonZeroU32, sync::Arc, time::Duration};

use portcullis_core::Quota;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::rate_limit::{
    Key, OverQuota,
    rate::Rate,
    store::{Spend, Store},
};

fn spend(rate: &Rate, hash: u64, now: u64, cost: u32) -> Result<u32, OverQuota> {
    let cost = NonZeroU32::new(cost).unwrap();
    let admitted = rate.spend(&Spend::new(hash, 0, now), cost)?;
    Ok(admitted.left())
}

/// The algorithm as ITU-T I.371 has it, in numbers that cannot overflow: a cell conforms unless it
/// comes more than the tolerance before its theoretical arrival time.
#[derive(Default)]
struct Reference {
    theoretical: i128,
}

impl Reference {
    fn conforms(&mut self, quota: Quota, now: u64, cost: u32) -> bool {
        let interval = quota.refill_interval().as_nanos() as i128;
        let (burst, cost) = (i128::from(quota.max_burst()), i128::from(cost));
        let tolerance = (burst - cost) * interval;
        let now = i128::from(now);
        if now < self.theoretical - tolerance {
            return false;
        }
        self.theoretical = self.theoretical.max(now) + cost * interval;
        true
    }
}

/// Quotas from a request in a year to one in a nanosecond, bursts of 1 and of all that there can be.
fn quotas() -> Vec<Quota> {
    let year = Duration::from_secs(365 * 86_400);
    let nanosecond = Duration::from_nanos(1);
    vec![
        Quota::per_second(10),
        Quota::per_second(3).burst(7),
        Quota::per_second(100_000).burst(1),
        Quota::per_second(1_000_000_000).burst(u32::MAX),
        Quota::per_hour(1000),
        Quota::new(1, year).unwrap().burst(100),
        Quota::new(1, nanosecond).unwrap(),
        Quota::new(u32::MAX, Duration::from_secs(3600)).unwrap(),
    ]
}

#[test]
fn a_million_random_steps_are_those_of_the_reference() {
    let mut rng = SmallRng::seed_from_u64(1);
    let quotas = quotas();
    let store = Arc::new(Store::new(1024));
    let rate = |quota: &Quota| Rate::new(*quota, Arc::clone(&store));
    let rates: Vec<_> = quotas.iter().map(rate).collect();
    let mut references: Vec<Vec<Reference>> = Vec::new();
    references.resize_with(quotas.len(), || {
        (0..8).map(|_| Reference::default()).collect()
    });
    let mut nows = vec![0_u64; quotas.len()];
    let (mut admitted, steps) = (0, 1_000_000);

    for step in 0..steps {
        let quota = rng.random_range(0..quotas.len());
        let key = rng.random_range(0..8);
        let interval = quotas[quota].refill_interval().as_nanos() as u64;
        // Mostly about an interval, sometimes nothing, sometimes long enough to be whole again.
        let pause = match rng.random_range(0..10) {
            0 => interval.saturating_mul(u64::from(quotas[quota].max_burst())),
            1..5 => 0,
            _ => rng.random_range(0..=interval),
        };
        nows[quota] = (nows[quota] + pause).min(u64::MAX >> 2);
        let cost = rng.random_range(1..=quotas[quota].max_burst().min(3));
        let now = nows[quota];

        let hash = store.hash(&Key::from_name(format!("{quota} {key}")));
        let ours = spend(&rates[quota], hash, now, cost).is_ok();
        let theirs = references[quota][key].conforms(quotas[quota], now, cost);
        assert_eq!(ours, theirs, "step {step}: {} at {now}", quotas[quota]);
        admitted += usize::from(ours);
    }
    assert!(
        admitted > steps / 10 && admitted < steps * 9 / 10,
        "{admitted}"
    );
}

#[test]
fn a_clock_that_goes_backwards_admits_nothing_more() {
    let store = Arc::new(Store::new(16));
    let rate = Rate::new(Quota::per_second(10), Arc::clone(&store));
    let hour = 3_600_000_000_000;
    let spend = |now| spend(&rate, 1, now, 1).is_ok();

    assert_eq!((0..20).filter(|_| spend(hour)).count(), 10);
    assert_eq!((0..20).filter(|_| spend(0)).count(), 0);
    assert_eq!((0..20).filter(|_| spend(hour)).count(), 0);
    assert!(spend(hour + 100_000_000) && !spend(hour + 100_000_000));
}

#[test]
fn another_rate_leaves_as_many_requests_spent() {
    let store = Arc::new(Store::new(16));
    let (old, new) = (
        Rate::new(Quota::per_second(10), Arc::clone(&store)),
        Rate::new(Quota::per_hour(1000), store),
    );
    let now = 5_000_000_000;
    let spent = |rate: &Rate, requests| now + rate.price(requests);

    assert_eq!(new.convert(&old, spent(&old, 4), now), spent(&new, 4));
    assert_eq!(old.convert(&new, spent(&new, 4), now), spent(&old, 4));
    assert_eq!(
        old.convert(&new, spent(&new, 900), now),
        spent(&old, 10),
        "at most a burst"
    );
    assert_eq!(old.convert(&new, now - 1, now), now);
    assert_eq!(
        old.convert(&new, now + 1, now),
        now + 1,
        "never less than was spent"
    );
}

#[test]
fn what_is_learned_counts_unless_more_is_known() {
    let store = Arc::new(Store::new(16));
    let rate = Rate::new(Quota::per_second(10), Arc::clone(&store));
    let now = 1;
    store.learn(1, now, 1_000_000_000);
    let look = || rate.look(store.full_in(1, now), NonZeroU32::MIN);

    let over = Err(OverQuota::after(Duration::from_millis(100)));
    assert_eq!(look(), over);
    store.learn(1, now, 5);
    assert_eq!(look(), over);
}

proptest! {
    #[test]
    fn no_number_is_too_large(
        count: u32,
        nanos: u64,
        burst: u32,
        now in 0..=(u64::MAX >> 2),
        tat in 0..=(u64::MAX >> 1),
        cost: u32,
    ) {
        let Ok(quota) = Quota::new(count, Duration::from_nanos(nanos)) else {
            return Ok(());
        };
        let store = Arc::new(Store::new(16));
        let quota = quota.try_burst(burst).unwrap_or(quota);
        let rate = Rate::new(quota, Arc::clone(&store));
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        store.learn(1, now, tat.saturating_sub(now));
        let ask = |now| spend(&rate, 1, now, cost.get());
        match ask(now) {
            Ok(left) => {
                let after = store.tat(1);
                prop_assert!(after >= now && after < 1 << 63);
                prop_assert!(left < rate.quota().max_burst());
            }
            Err(refused) => {
                // Who waits as long as told is served.
                let wait = refused.wait_nanos();
                prop_assert!(ask(now + wait - 1).is_err());
                prop_assert!(ask(now + wait).is_ok());
            }
        }
    }
}
