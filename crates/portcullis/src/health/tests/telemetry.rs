//! Metrics and log lines.

use portcullis_core::Counts;

use super::*;

fn values(health: &Health, name: &str) -> Vec<(String, u64)> {
    let counts = Counts::counts(health).into_iter();
    let own = counts.filter(|count| count.name == name);
    own.map(|count| (count.labels[0].1.clone(), count.value))
        .collect()
}

/// The value of a metric of one probe or check.
fn value(health: &Health, name: &str, of: &str) -> Option<u64> {
    let mut values = values(health, name).into_iter();
    values.find(|(own, _)| own == of).map(|(_, value)| value)
}

#[tokio::test(start_paused = true)]
async fn each_state_is_a_metric() {
    let fails = || ready(Err::<(), _>("down"));
    let health = Health::new()
        .check("db", ok)
        .add_check(Check::new("mail", fails).advisory())
        .check("cache", || ready(Err::<(), _>(Degraded::new("slow"))));
    assert_eq!(value(&health, STATUS, "db"), Some(1), "pending");
    health.settled().await;

    let status = ["db", "mail", "cache"].map(|check| value(&health, STATUS, check));
    assert_eq!(status, [Some(2), Some(1), Some(1)]);
    let probes = PROBES.map(|probe| value(&health, "portcullis_health_status", probe));
    assert_eq!(probes, [Some(1), Some(2), Some(2), Some(2)]);
    let totals = ["runs", "failures"].map(|total| format!("portcullis_health_check_{total}"));
    for (check, expected) in [("db", [1, 0]), ("mail", [1, 1]), ("cache", [1, 0])] {
        let own = totals.each_ref().map(|total| value(&health, total, check));
        assert_eq!(own, expected.map(Some), "{check}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_drains_is_zero() {
    let fails = || ready(Err::<(), _>("down"));
    let health = Health::new().check("queue", fails);
    health.settled().await;
    health.drain();

    let probes = PROBES.map(|probe| value(&health, "portcullis_health_status", probe));
    assert_eq!(probes, [Some(0), Some(0), Some(2), Some(2)]);
    assert_eq!(value(&health, STATUS, "queue"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn probes_that_are_answered_with_503_are_counted() {
    let health = Health::new();
    let failed = || {
        let counts = Counts::counts(&health).into_iter();
        let mut own = counts.filter(|count| count.name == "portcullis_health_probes_failed");
        own.next().map(|count| count.value)
    };
    probe(&health, "/ready").await;
    assert_eq!(failed(), Some(0));

    health.drain();
    for path in ["/ready", "/ready", "/health", "/live"] {
        probe(&health, path).await;
    }

    assert_eq!(failed(), Some(2));
}

const STATUS: &str = "portcullis_health_check_status";
const PROBES: [&str; 4] = ["health", "ready", "live", "startup"];

const HOSTILE: &str = "down\n2026-01-01 ERROR forged\r\n\u{1b}[31mred\u{1b}[0m \u{9b}2J \u{202e}txet\u{2066} \u{2028}\u{85}\0\u{7f}";

#[tokio::test(start_paused = true)]
async fn each_change_is_one_log_line_that_no_error_text_forges() {
    let up = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&up);
    let check = move || ready(flag.load(Ordering::Relaxed).then_some(()).ok_or(HOSTILE));
    let health = Health::new().every(SECOND).check("db", check);
    let (log, ()) = logged(async {
        health.settled().await;
        up.store(false, Ordering::Relaxed);
        sleep(SECOND * 10).await;
        up.store(true, Ordering::Relaxed);
        sleep(SECOND * 10).await;
        health.drain();
        health.drain();
    })
    .await;

    let lines: Vec<_> = log.split('\n').collect();
    assert_eq!(
        lines.len(),
        5,
        "ok, failing, ok, draining, and the end: {log}"
    );
    assert!(
        lines[1].contains("WARN") && lines[1].contains("check is failing"),
        "{log}"
    );
    assert!(lines[1].contains("forged"), "{log}");
    let is_hostile = |c: char| c.is_control() || ('\u{2028}'..='\u{2069}').contains(&c);
    assert!(!lines.iter().any(|line| line.contains(is_hostile)), "{log}");
}

/// An error whose text is without end, and one that panics as text.
#[derive(Debug)]
struct Endless;

#[derive(Debug)]
struct Bomb;

impl std::fmt::Display for Endless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        loop {
            f.write_str("no end\n")?;
        }
    }
}

impl std::fmt::Display for Bomb {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("as text\n")
    }
}

impl std::error::Error for Endless {}
impl std::error::Error for Bomb {}

#[tokio::test(start_paused = true)]
async fn an_error_whose_text_has_no_end_or_panics_is_an_error() {
    let health = Health::new()
        .check("endless", || ready(Err::<(), _>(Endless)))
        .check("bomb", || ready(Err::<(), _>(Bomb)));
    health.settled().await;

    let found = health
        .all()
        .map(|check| (check.state(), check.last().unwrap().reason.unwrap()));
    let [(endless, text), (bomb, panic)] = &found.collect::<Vec<_>>()[..] else {
        panic!("two");
    };
    assert_eq!([*endless, *bomb], [State::Failing; 2]);
    assert!(text.ends_with(".."), "{text}");
    assert_eq!(text.matches("\\n").count(), 1024 / "no end\n".len());
    assert_eq!(panic, "panicked: as text\\n");
}
