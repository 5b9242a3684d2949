//! What a check that fails means.

use super::*;

fn fails() -> std::future::Ready<Result<(), &'static str>> {
    ready(Err("down"))
}

#[tokio::test(start_paused = true)]
async fn an_advisory_check_that_fails_degrades_and_leaves_it_ready() {
    let health = Health::new()
        .check("db", ok)
        .add_check(Check::new("mail", fails).advisory());
    assert_eq!(probe(&health, "/ready").await.0, 503, "db is pending");
    health.settled().await;

    let degraded =
        r#"{"status":"degraded","reason":"mail: failing","checks":{"db":"ok","mail":"failing"}}"#;
    assert_eq!(probe(&health, "/health").await, (200, degraded.to_owned()));
    let ready = r#"{"status":"ready","checks":{"db":"ok","mail":"failing"}}"#;
    assert_eq!(probe(&health, "/ready").await, (200, ready.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_advisory_check_without_a_result_keeps_nobody_waiting() {
    let hangs = || pending::<Result<(), io::Error>>();
    let health = Health::new().add_check(Check::new("mail", hangs).advisory());

    assert_eq!(probe(&health, "/ready").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_check_of_readiness_that_fails_degrades_and_is_not_ready() {
    let health = Health::new().add_check(Check::new("backlog", fails).readiness());
    health.settled().await;

    let (status, body) = probe(&health, "/health").await;
    let is_degraded = body.starts_with(r#"{"status":"degraded","#);
    assert_eq!((status, is_degraded), (200, true), "{body}");
    assert_eq!(probe(&health, "/ready").await.0, 503);
    assert_eq!(probe(&health, "/live").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_worse_is_the_reason() {
    let health = Health::new()
        .add_check(Check::new("mail", fails).advisory())
        .check("db", fails);
    health.settled().await;

    let (status, body) = probe(&health, "/health").await;
    assert_eq!(status, 503);
    assert!(
        body.contains(r#""status":"unhealthy","reason":"db: failing""#),
        "{body}"
    );
}

/// A dependency that answers as a list says, and well when the list is over.
fn scripted(script: &'static [bool]) -> (Check, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let check = Check::new("db", move || {
        let run = counter.fetch_add(1, Ordering::Relaxed);
        let is_up = script.get(run).copied().unwrap_or(true);
        ready(is_up.then_some(()).ok_or("down"))
    });
    (check.every(SECOND).jitter(0.0), runs)
}

/// The statuses of `/ready` between the runs of a check.
async fn statuses(check: Check, runs: usize) -> Vec<u16> {
    let health = Health::new().add_check(check);
    health.settled().await;
    let mut statuses = Vec::new();
    sleep(SECOND / 2).await;
    for _ in 0..runs {
        statuses.push(probe(&health, "/ready").await.0);
        sleep(SECOND).await;
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn a_flapping_dependency_does_not_flap_the_probe() {
    let (up, down) = (true, false);
    let (check, _) = scripted(&[true, false, true, false, false, true, false, true]);
    assert_eq!(statuses(check, 9).await, [200; 9], "never three in a row");

    let script: &'static [bool] = Box::leak(Box::new([up, down, down, down, up, down, up, up, up]));
    let (check, _) = scripted(script);
    let expected = [200, 200, 200, 503, 503, 503, 503, 503, 200];
    assert_eq!(statuses(check.successes(3), 9).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_first_result_counts_at_once() {
    let (check, _) = scripted(&[false, true]);

    assert_eq!(statuses(check, 2).await, [503, 200]);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_checked_each_second() {
    let (check, runs) = scripted(&[true, false, false, false]);
    let health = Health::new().add_check(check.every(SECOND * 60));
    health.settled().await;

    sleep(SECOND * 61).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3, "in doubt");
    sleep(SECOND * 2).await;
    assert_eq!(runs.load(Ordering::Relaxed), 4, "known to be down");
    assert_eq!(probe(&health, "/ready").await.0, 503);
}

#[test]
fn what_no_check_can_be_is_said_when_the_edge_is_built() {
    let check = Check::new("a:b", fails)
        .every(Duration::ZERO)
        .time_limit(Duration::ZERO)
        .jitter(f64::NAN)
        .failures(0)
        .successes(0);
    let health = Health::new()
        .add_check(check)
        .add_check(Check::queue_depth("jobs", 1.5, || (0, 1)))
        .add_check(Check::heartbeat("worker", Duration::ZERO).0)
        .add_check(Check::memory((0.9, 0.8)));
    let error = crate::Edge::new().health(&health).build().unwrap_err();

    let problems: Vec<_> = error.problems().collect();
    assert_eq!(problems.len(), 9, "{problems:?}");
    assert_eq!(problems[0], "health: check \"a:b\" is no name of a check");
}
