use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};

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

#[cfg(feature = "server")]
#[tokio::test]
async fn a_connection_is_a_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(
        state(Check::tcp("db", &address).unwrap()).await.0,
        State::Ok
    );

    drop(listener);
    let (found, reason) = state(Check::tcp("db", &address).unwrap()).await;
    assert_eq!(found, State::Failing);
    assert!(reason.contains("refused"), "{reason}");
    for wrong in [
        "",
        "db",
        "db:",
        ":1",
        "db:0",
        "db:65536",
        "user@db:1",
        "http://db:1",
        "db:1/x",
    ] {
        assert!(Check::tcp("db", wrong).is_err(), "{wrong}");
    }
}

/// Answers each connection with bytes, and counts them.
#[cfg(feature = "server")]
async fn answering(bytes: impl Into<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (bytes, asked) = (bytes.into(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut io, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let read = io.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"GET /up?x=1 HTTP/1.1\r\nhost: 127.0.0.1:"));
            counted.fetch_add(1, Relaxed);
            let _ = io.write_all(&bytes).await;
            if bytes.is_empty() {
                std::future::pending::<()>().await;
            }
        }
    });
    (format!("http://{address}/up?x=1"), asked)
}

#[cfg(feature = "server")]
#[tokio::test]
async fn a_request_is_a_check_whose_status_is_2xx() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    for (answer, expected, why) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", State::Ok, ""),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nnever",
            State::Ok,
            "",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            State::Ok,
            "",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            State::Failing,
            "503",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n",
            State::Failing,
            "302",
        ),
        ("SSH-2.0-x\r\n", State::Failing, "invalid"),
        (&long, State::Failing, "too large"),
        ("", State::TimedOut, "1s"),
    ] {
        let (url, asked) = answering(answer).await;
        let (found, reason) = state(Check::http_get("api", &url).unwrap()).await;
        assert_eq!(found, expected, "{answer:.30}: {reason}");
        assert!(reason.contains(why), "{reason}");
        assert_eq!(asked.load(Relaxed), 1, "no redirect is followed");
    }
    for wrong in [
        "",
        "/up",
        "api",
        "https://api/",
        "ftp://api/",
        "http://u:p@api/",
        "http:///up",
    ] {
        assert!(Check::http_get("api", wrong).is_err(), "{wrong}");
    }
}
