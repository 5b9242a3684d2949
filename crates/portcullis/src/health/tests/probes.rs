//! Probes of Kubernetes, and what they cost.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_probe_answers_at_once_while_a_check_hangs() {
    let hangs = || pending::<Result<(), io::Error>>();
    let health = Health::new().check("db", hangs);
    let began = Instant::now();
    for path in ["/health", "/ready", "/live"] {
        probe(&health, path).await;
    }
    assert_eq!(began.elapsed(), Duration::ZERO);

    health.settled().await;
    let began = Instant::now();
    assert_eq!(probe(&health, "/health").await.0, 503);
    assert!(began.elapsed() < Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_parallel_probes_are_one_check() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let check = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        async {
            sleep(SECOND).await;
            Ok::<_, io::Error>(())
        }
    };
    let health = Health::new().check("redis", check);

    // While the first run goes on, and after it.
    for status in [503, 200] {
        let probes = (0..1000).map(|_| probe(&health, "/ready"));
        let statuses = join_all(probes).await;
        assert!(statuses.iter().all(|(own, _)| *own == status));
        sleep(SECOND * 2).await;
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    sleep(SECOND * 21).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    drop(health);
    sleep(SECOND * 25).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3, "ends with its registry");
}

#[tokio::test(start_paused = true)]
async fn while_it_drains_it_is_alive_and_healthy_but_not_ready() {
    let health = Health::new().check("db", ok);
    health.settled().await;
    health.drain();

    assert_eq!(probe(&health, "/ready").await.0, 503);
    assert_eq!(probe(&health, "/health").await.0, 200);
    let alive = r#"{"status":"alive"}"#;
    assert_eq!(probe(&health, "/live").await, (200, alive.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn liveness_depends_on_nothing() {
    let health = Health::new().check("db", || ready(Err::<(), _>("down")));
    let _latch = health.latch();
    health.settled().await;

    assert_eq!(probe(&health, "/health").await.0, 503);
    assert_eq!(probe(&health, "/live").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn start_up_gates_until_all_latches_are_gone_and_never_again() {
    let paths = ProbePaths::new().startup("/startup");
    let health = Health::new().paths(paths).unwrap();
    let (first, second) = (health.latch(), health.latch());
    let starting = r#"{"status":"starting","reason":"warming up"}"#;
    assert_eq!(probe(&health, "/startup").await, (503, starting.to_owned()));
    drop(first);
    assert_eq!(probe(&health, "/startup").await.0, 503);

    drop(second);
    let started = r#"{"status":"started"}"#;
    assert_eq!(probe(&health, "/startup").await, (200, started.to_owned()));
    let _again = health.latch();
    health.drain();
    assert_eq!(probe(&health, "/startup").await.0, 200);
    assert_eq!(probe(&health, "/ready").await.0, 503);
}

#[tokio::test]
async fn a_process_without_latches_has_started() {
    let paths = ProbePaths::new().startup("/startup");
    let health = Health::new().paths(paths).unwrap();

    assert_eq!(probe(&health, "/startup").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_only_while_a_closure_says_so_and_does_not_flap() {
    let flag = Arc::new(AtomicBool::new(true));
    let read = Arc::clone(&flag);
    let health = Health::new().ready_while("lag", move || read.load(Ordering::Relaxed));
    health.settled().await;
    sleep(SECOND / 2).await;

    for _ in 0..4 {
        flag.store(false, Ordering::Relaxed);
        sleep(SECOND * 2).await;
        flag.store(true, Ordering::Relaxed);
        sleep(SECOND).await;
        assert_eq!(probe(&health, "/ready").await.0, 200);
    }
    flag.store(false, Ordering::Relaxed);
    sleep(SECOND * 3).await;
    assert_eq!(probe(&health, "/ready").await.0, 503);
    assert_eq!(probe(&health, "/health").await.0, 200);
    flag.store(true, Ordering::Relaxed);
    sleep(SECOND * 4).await;
    assert_eq!(probe(&health, "/ready").await.0, 503);
    sleep(SECOND).await;
    assert_eq!(probe(&health, "/ready").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn what_started_before_anybody_asked_has_started() {
    let paths = ProbePaths::new().startup("/startup");
    let health = Health::new().paths(paths).unwrap();
    drop(health.latch());
    let _again = health.latch();

    assert_eq!(probe(&health, "/startup").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_check_runs_about_on_its_interval_and_never_at_once_with_others() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let check = move || {
        noted.lock().unwrap().push(Instant::now());
        ok()
    };
    let health = Health::new().check("db", check);
    health.start();
    sleep(SECOND * 300).await;

    let times = times.lock().unwrap();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let bounds = Duration::from_millis(8_999)..Duration::from_millis(11_005);
    assert!(
        pauses.iter().all(|pause| bounds.contains(pause)),
        "{pauses:?}"
    );
    let millis = pauses.iter().map(Duration::as_millis);
    let different = millis.collect::<std::collections::HashSet<_>>().len();
    assert!(different > pauses.len() / 2, "{pauses:?}");
}
