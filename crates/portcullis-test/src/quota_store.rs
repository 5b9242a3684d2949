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
    let quota = Quota::per_second(10).burst(3);
    let charge =
        |key: &str, quota: Quota| Charge::new("p".into(), format!("{run}:{key}"), quota, 1);

    // A burst, then nothing, then what was refilled.
    let key = || vec![charge("burst", quota)];
    for spent in 1..=3 {
        let standing = ask(&store, key()).await[0];
        assert_eq!(standing.requests, 1, "{standing:?}");
        assert!(standing.wait.is_zero(), "{standing:?}");
        assert_close(standing.whole_in, Duration::from_millis(100 * spent));
    }
    let over = ask(&store, key()).await[0];
    assert_eq!(over.requests, 0, "{over:?}");
    assert_close(over.wait, Duration::from_millis(100));
    assert_close(over.whole_in, Duration::from_millis(300));
    wait(over.wait).await;
    assert_eq!(
        ask(&store, key()).await[0].requests,
        1,
        "who waits is served"
    );
    assert_eq!(ask(&store, key()).await[0].requests, 0);

    // Keys and policies have quotas of their own.
    assert_eq!(
        ask(&store, vec![charge("other", quota)]).await[0].requests,
        1
    );
    let policy = Charge::new("q".into(), format!("{run}:burst"), quota, 1);
    assert_eq!(ask(&store, vec![policy]).await[0].requests, 1);

    // All or nothing.
    let both = || {
        let tight = Charge::new("tight".into(), format!("{run}:both"), Quota::per_hour(1), 1);
        vec![charge("both", quota), tight]
    };
    assert_eq!(requests(&ask(&store, both()).await), [1, 1]);
    let refused = ask(&store, both()).await;
    assert_eq!(requests(&refused), [0, 0]);
    assert!(
        refused[0].wait.is_zero() && !refused[1].wait.is_zero(),
        "{refused:?}"
    );
    assert_close(refused[0].whole_in, Duration::from_millis(100));

    // What a request costs, and more than one at once.
    let dear = || vec![Charge::new("p".into(), format!("{run}:dear"), quota, 2)];
    assert_eq!(ask(&store, dear()).await[0].requests, 1);
    assert_eq!(ask(&store, dear()).await[0].requests, 0);
    let several = || vec![charge("several", quota).requests(2)];
    assert_eq!(ask(&store, several()).await[0].requests, 2);
    assert_eq!(
        ask(&store, several()).await[0].requests,
        1,
        "as far as it goes"
    );
    assert_eq!(ask(&store, several()).await[0].requests, 0);

    // Rates far below a millisecond, and quotas of years.
    let fast = Quota::per_second(1_000_000).burst(1);
    assert_eq!(ask(&store, vec![charge("fast", fast)]).await[0].requests, 1);
    wait(Duration::from_millis(1)).await;
    assert_eq!(ask(&store, vec![charge("fast", fast)]).await[0].requests, 1);
    let years = Quota::new(1, Duration::from_secs(365 * 86_400)).map(|quota| quota.burst(50));
    let Ok(years) = years else {
        panic!("a quota: {years:?}");
    };
    let mut admitted = 0;
    for _ in 0..60 {
        admitted += ask(&store, vec![charge("years", years)]).await[0].requests;
    }
    assert_eq!(admitted, 50);
}

fn requests(standings: &[Standing]) -> Vec<u32> {
    standings.iter().map(|standing| standing.requests).collect()
}

async fn ask(store: &impl QuotaStore, charges: Vec<Charge>) -> Vec<Standing> {
    let count = charges.len();
    match store.spend(charges).await {
        Ok(standings) if standings.len() == count => standings,
        other => panic!("the store said: {other:?}"),
    }
}

/// Stores have clocks of their own, and answers take time.
fn assert_close(time: Duration, expected: Duration) {
    let earliest = expected.saturating_sub(Duration::from_millis(60));
    assert!(
        (earliest..=expected).contains(&time),
        "{time:?} is not about {expected:?}"
    );
}
