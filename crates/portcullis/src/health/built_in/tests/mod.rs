#[cfg(feature = "server")]
mod net;

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Health,
    health::{Check, State},
};

async fn state(check: Check) -> (State, String) {
    let health = Health::new()
        .time_limit(Duration::from_secs(1))
        .add_check(check);
    health.settled().await;
    let check = health.all().next().unwrap();
    let reason = check.last().and_then(|last| last.reason);
    (check.state(), reason.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_degraded_above_a_part_of_its_bound() {
    for (depth, bound, expected) in [
        (90, 100, State::Ok),
        (91, 100, State::Degraded),
        (100, 100, State::Failing),
        (0, 0, State::Failing),
    ] {
        let check = Check::queue_depth("jobs", (0.9, 0.99), move || (depth, bound));
        assert_eq!(state(check).await.0, expected, "{depth} of {bound}");
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_degraded_above_a_part() {
    for (used, expected) in [
        (Some(0.8), State::Ok),
        (Some(0.81), State::Degraded),
        (Some(0.96), State::Failing),
        (None, State::Ok),
    ] {
        let check = Check::memory_of((0.8, 0.95).into(), move || used);
        assert_eq!(state(check).await.0, expected, "{used:?}");
    }
    #[cfg(target_os = "linux")]
    assert!(crate::memory::used_of_machine().is_some_and(|used| (0.0..=1.0).contains(&used)));
}

#[tokio::test(start_paused = true)]
async fn a_heart_that_stops_fails_and_one_that_beats_again_recovers() {
    let (check, heartbeat) = Check::heartbeat("worker", Duration::from_secs(30));
    let health = Health::new().add_check(check);
    health.settled().await;
    let is = |expected| health.checks().all(|(_, state)| state == expected);
    sleep(Duration::from_secs(20)).await;
    heartbeat.clone().beat();
    sleep(Duration::from_secs(29)).await;
    assert!(is(State::Ok));

    sleep(Duration::from_secs(3)).await;
    assert!(is(State::Failing));
    heartbeat.beat();
    sleep(Duration::from_secs(2)).await;
    assert!(is(State::Ok));
}
