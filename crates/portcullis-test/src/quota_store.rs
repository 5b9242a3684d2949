//! What every [`QuotaStore`] must do.

use std::{future::Future, time::Duration};

use portcullis_core::{Charge, Quota, QuotaStore, Standing};

/// Holds a store to its contract. `wait` lets time pass: on a paused clock, or for real.
///
/// Keys begin with `run`, so that what an earlier run left is not met again.
///
/// # Panics
///
/// Panics where the store does not do as it must.
pub async fn check_quota_store<Q, F>(store: Q, run: &str, wait: impl Fn(Duration) -> F)
where
    Q: QuotaStore,
    F: Future<Output = ()>,
{
    let tester = Tester { store, run };
    tester.check_burst_and_rate(&wait).await;
    tester.check_keys().await;
    tester.check_all_or_nothing().await;
    tester.check_costs().await;
    tester.check_extremes(&wait).await;
}

struct Tester<'r, Q> {
    store: Q,
    run: &'r str,
}

// ===== impl Tester =====

impl<Q: QuotaStore> Tester<'_, Q> {
    fn charge(&self, key: &str, quota: Quota) -> Charge {
        self.charge_of("p", key, quota, 1)
    }

    fn charge_of(&self, policy: &str, key: &str, quota: Quota, cost: u32) -> Charge {
        Charge::new(policy.into(), format!("{}:{key}", self.run), quota, cost)
    }

    async fn ask(&self, charge: Charge) -> Standing {
        self.ask_all(vec![charge]).await[0]
    }

    async fn ask_all(&self, charges: Vec<Charge>) -> Vec<Standing> {
        let count = charges.len();
        match self.store.spend(charges).await {
            Ok(standings) if standings.len() == count => standings,
            other => panic!("the store said: {other:?}"),
        }
    }

    /// A burst, then nothing, then what was refilled.
    async fn check_burst_and_rate<F>(&self, wait: &impl Fn(Duration) -> F)
    where
        F: Future<Output = ()>,
    {
        let charge = || self.charge("burst", QUOTA);
        for spent in 1..=3 {
            let standing = self.ask(charge()).await;
            assert_eq!(standing.requests, 1, "{standing:?}");
            assert!(standing.wait.is_zero(), "{standing:?}");
            assert_close(standing.whole_in, Duration::from_millis(100 * spent));
        }
        let over = self.ask(charge()).await;
        assert_eq!(over.requests, 0, "{over:?}");
        assert_close(over.wait, Duration::from_millis(100));
        assert_close(over.whole_in, Duration::from_millis(300));
        wait(over.wait).await;
        assert_eq!(self.ask(charge()).await.requests, 1, "who waits is served");
        assert_eq!(self.ask(charge()).await.requests, 0);
    }

    /// Keys and policies have quotas of their own.
    async fn check_keys(&self) {
        for (policy, key) in [("p", "one"), ("p", "other"), ("q", "one")] {
            let charge = || self.charge_of(policy, key, Quota::per_hour(1), 1);
            assert_eq!(self.ask(charge()).await.requests, 1, "{policy} {key}");
            assert_eq!(self.ask(charge()).await.requests, 0, "{policy} {key}");
        }
    }

    async fn check_all_or_nothing(&self) {
        let both = || {
            let tight = self.charge_of("tight", "both", Quota::per_hour(1), 1);
            vec![self.charge("both", QUOTA), tight]
        };
        assert_eq!(requests(&self.ask_all(both()).await), [1, 1]);
        let refused = self.ask_all(both()).await;
        assert_eq!(requests(&refused), [0, 0]);
        assert!(refused[0].wait.is_zero(), "{refused:?}");
        assert!(!refused[1].wait.is_zero(), "{refused:?}");
        assert_close(refused[0].whole_in, Duration::from_millis(100));
    }

    /// What a request costs, and several at once.
    async fn check_costs(&self) {
        let dear = || self.charge_of("p", "dear", QUOTA, 2);
        assert_eq!(self.ask(dear()).await.requests, 1);
        assert_eq!(self.ask(dear()).await.requests, 0);
        let several = || self.charge("several", QUOTA).requests(2);
        assert_eq!(self.ask(several()).await.requests, 2);
        assert_eq!(self.ask(several()).await.requests, 1, "as far as it goes");
        assert_eq!(self.ask(several()).await.requests, 0);
    }

    /// Rates far above one in a millisecond, and quotas of years.
    async fn check_extremes<F>(&self, wait: &impl Fn(Duration) -> F)
    where
        F: Future<Output = ()>,
    {
        let fast = || self.charge("fast", Quota::per_second(1_000_000).burst(1));
        assert_eq!(self.ask(fast()).await.requests, 1);
        wait(Duration::from_millis(1)).await;
        assert_eq!(self.ask(fast()).await.requests, 1);
        let year = Duration::from_secs(365 * 86_400);
        let years = match Quota::new(1, year) {
            Ok(quota) => quota.burst(50),
            Err(error) => panic!("{error}"),
        };
        let mut admitted = 0;
        for _ in 0..60 {
            admitted += self.ask(self.charge("years", years)).await.requests;
        }
        assert_eq!(admitted, 50);
    }
}

fn requests(standings: &[Standing]) -> Vec<u32> {
    standings.iter().map(|standing| standing.requests).collect()
}

/// Stores have clocks of their own, and answers take time.
fn assert_close(time: Duration, expected: Duration) {
    let earliest = expected.saturating_sub(Duration::from_millis(60));
    assert!(
        (earliest..=expected).contains(&time),
        "{time:?} is not about {expected:?}"
    );
}

const QUOTA: Quota = Quota::per_second(10).burst(3);
