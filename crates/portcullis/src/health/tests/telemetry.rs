//! Metrics and log lines.

use portcullis_core::Counts;

use super::*;

fn values(health: &Health, name: &str) -> Vec<(String, u64)> {
    let counts = Counts::counts(health).into_iter();
    let own = counts.filter(|count| count.name == name);
    own.map(|count| (count.labels[0].1.clone(), count.value))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_state_is_a_metric() {
    let fails = || ready(Err::<(), _>("down"));
    let health = Health::new()
        .check("db", ok)
        .add(Check::new("mail", fails).advisory())
        .check("cache", || ready(Err::<(), _>(Degraded::new("slow"))));
    assert_eq!(
        values(&health, "portcullis_health_check_status"),
        [],
        "pending"
    );
    health.settled().await;

    let own = |values: Vec<(String, u64)>, name: &str| {
        values
            .into_iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value)
    };
    let status = |name| own(values(&health, "portcullis_health_check_status"), name);
    assert_eq!(
        [status("db"), status("mail"), status("cache")],
        [Some(2), Some(1), Some(1)]
    );
    let probe = |name| own(values(&health, "portcullis_health_status"), name);
    assert_eq!(
        [
            probe("health"),
            probe("ready"),
            probe("live"),
            probe("startup")
        ],
        [Some(1), Some(2), Some(2), Some(2)]
    );
    assert_eq!(
        own(values(&health, "portcullis_health_check_runs"), "mail"),
        Some(1)
    );
    assert_eq!(
        own(values(&health, "portcullis_health_check_failures"), "mail"),
        Some(1)
    );

    let worse = health.clone().check("queue", fails);
    worse.settled().await;
    worse.drain();
    let of = |name| own(values(&worse, "portcullis_health_status"), name);
    assert_eq!(
        [of("health"), of("ready"), of("live")],
        [Some(0), Some(0), Some(2)]
    );
    assert_eq!(
        own(values(&worse, "portcullis_health_check_status"), "queue"),
        Some(0)
    );
}

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
    assert!(text.len() <= 512 && text.ends_with('…'), "{text}");
    assert_eq!(panic, "panicked: as text\\n");
}
