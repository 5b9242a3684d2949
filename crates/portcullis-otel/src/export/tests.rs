use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Answer, answer::Attempt, backoff::Backoff, grpc};

fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

fn again(attempt: &Attempt) -> Option<Option<Duration>> {
    match attempt {
        Attempt::Again(_, delay) => Some(*delay),
        Attempt::Final(_) => None,
    }
}

#[test]
fn http_is_tried_again_for_four_statuses_and_when_the_collector_says() {
    for status in 200..600 {
        let attempt = Attempt::of_http(
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            &[],
        );
        let is_again = again(&attempt).is_some();
        assert_eq!(is_again, [429, 502, 503, 504].contains(&status), "{status}");
        let is_accepted = matches!(attempt, Attempt::Final(Answer::Accepted { .. }));
        assert_eq!(is_accepted, status < 300);
    }
    let later = Attempt::of_http(
        StatusCode::SERVICE_UNAVAILABLE,
        &head(&[("retry-after", "7")]),
        &[],
    );
    assert_eq!(again(&later), Some(Some(Duration::from_secs(7))));
}

#[test]
fn grpc_is_tried_again_as_otlp_says() {
    let read = |pairs: &[_]| grpc::read(StatusCode::OK, &head(pairs), &[], None);
    let retried = [1, 4, 10, 11, 14, 15];
    for code in 1..17 {
        let text: &'static str = code.to_string().leak();
        let attempt = read(&[("grpc-status", text)]);
        assert_eq!(again(&attempt).is_some(), retried.contains(&code), "{code}");
    }
    // RetryInfo with 2.5 s.
    let details = "CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ";
    let full = read(&[("grpc-status", "8"), ("grpc-status-details-bin", details)]);
    assert_eq!(again(&full), Some(Some(Duration::from_millis(2500))));
    assert!(again(&read(&[])).is_none(), "no gRPC at all");
    let proxy = grpc::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), &[], None);
    assert!(again(&proxy).is_some());
}

#[test]
fn waits_grow_and_differ() {
    let mut backoff = Backoff::new();
    let waits: Vec<_> = (0..20).map(|_| backoff.wait(None)).collect();

    for (at, wait) in waits.iter().enumerate() {
        let middle = Duration::from_millis(500 << at.min(5)).min(Duration::from_secs(15));
        assert!(
            (middle / 2..=middle * 3 / 2).contains(wait),
            "{at}: {wait:?}"
        );
    }
    assert_ne!(waits[10], waits[11]);
    assert_eq!(
        backoff.wait(Some(Duration::from_secs(1))),
        Duration::from_secs(1)
    );
}
