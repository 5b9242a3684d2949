//! What probes say.

use std::{io, sync::Arc, sync::Mutex, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use portcullis::{Edge, Health, health::Check};
use tower::{Layer, ServiceExt, service_fn};

use super::{Written, ok};

async fn probe(health: &Health, target: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let edge = Edge::new().health(health).build().unwrap();
    let mut request = Request::get(target).header("host", "localhost");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = edge.layer(service_fn(ok)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// health: "Everybody sees the status, and nothing else."
#[tokio::test]
async fn nobody_untrusted_sees_a_name_or_a_reason() {
    let fails = || async { Err::<(), _>(io::Error::other("10.0.0.7 refused")) };
    let token = "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2";
    let health = Health::new()
        .add_check(Check::new("redis", fails))
        .details_to_token(portcullis::Secret::try_new(token).unwrap());
    health.settled().await;
    let wrong = format!("Bearer {token} ");
    let twice = format!("Bearer  {token}");
    for target in [
        "/health",
        "/ready",
        "/live",
        "/health?verbose",
        "/ready?verbose=1&exclude=x",
    ] {
        for accept in ["*/*", "application/health+json"] {
            for authorization in ["", "Bearer", "Bearer ", "Basic cTg=", &wrong[..20], &twice] {
                let fields = [("accept", accept), ("authorization", authorization)];
                let (_, body) = probe(&health, target, &fields).await;
                assert!(
                    !body.contains("redis") && !body.contains("10.0.0.7"),
                    "{body}"
                );
            }
        }
    }
    let shown = Health::new()
        .add_check(Check::new("redis", fails))
        .show_checks();
    shown.settled().await;
    for accept in ["*/*", "application/health+json"] {
        let (_, body) = probe(&shown, "/health?verbose", &[("accept", accept)]).await;
        assert!(
            body.contains("redis") && !body.contains("10.0.0.7"),
            "{body}"
        );
    }
}

/// health: "/live .. stays 200 while the process drains".
#[tokio::test]
async fn a_process_that_drains_is_alive() {
    let health = Health::new();
    health.drain();
    assert_eq!(probe(&health, "/live", &[]).await.0, 200);
    assert_eq!(probe(&health, "/health", &[]).await.0, 200);
    assert_eq!(probe(&health, "/ready", &[]).await.0, 503);
}

/// health: "in one line of at most 512 bytes in which control characters and those that turn text are
/// escaped".
#[tokio::test]
async fn a_check_with_a_hostile_reason_is_one_line_of_the_log() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(written.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fails = || async { Err::<(), _>(io::Error::other("a\nb\u{1b}[31m\u{202e}")) };
    let health = Health::new().add_check(Check::new("redis", fails));
    health.settled().await;
    let text = written.text();
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}') && text.lines().count() <= 1,
        "{text:?}"
    );
}

/// health: "`Check::failures` | 3", "`Check::successes` | 1": results in a row.
#[tokio::test(start_paused = true)]
async fn a_check_changes_after_three_failures_in_a_row_and_one_success() {
    let results = Arc::new(Mutex::new(std::collections::VecDeque::from([
        true, false, false, true, false, false, false, true, false, false, true,
    ])));
    let next = Arc::clone(&results);
    let check = move || {
        let next = next.lock().unwrap().pop_front().unwrap_or(true);
        async move { next.then_some(()).ok_or("no") }
    };
    let health = Health::new().add_check(
        Check::new("redis", check)
            .every(Duration::from_secs(1))
            .jitter(0.0),
    );
    health.settled().await;
    let mut states = vec![];
    let mut left = results.lock().unwrap().len();
    states.push(health.checks().next().unwrap().1.as_str());
    for _ in 0..100_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        // The check runs where it may block.
        std::thread::sleep(Duration::from_micros(50));
        let now = results.lock().unwrap().len();
        if now != left {
            left = now;
            for _ in 0..20 {
                tokio::task::yield_now().await;
                std::thread::sleep(Duration::from_micros(200));
            }
            states.push(health.checks().next().unwrap().1.as_str());
        }
        if left == 0 {
            break;
        }
    }
    let (o, f) = ("ok", "failing");
    assert_eq!(states, [o, o, o, o, o, o, f, o, o, o, o]);
}
