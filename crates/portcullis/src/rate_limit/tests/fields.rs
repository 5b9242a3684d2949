use std::time::Duration;

use portcullis_core::{Facts, Quota, Received};
use portcullis_test::{echo, send};
use tokio::time::{Instant, advance};
use tower::Layer;

use super::{from, items, policies::status};
use crate::rate_limit::{Policy, RateLimit, RateLimitLayer};

#[tokio::test(start_paused = true)]
async fn waits_are_spread_and_never_too_short() {
    let layer = RateLimitLayer::new(Quota::per_minute(1));
    status(&layer, from("192.0.2.1")).await;
    let mut waits = Vec::new();
    for _ in 0..200 {
        let refused = send(layer.layer(echo()), from("192.0.2.1")).await;
        let wait: u64 = refused.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(items(&refused, "ratelimit")[0].1[1], ("t".into(), 60));
        waits.push(wait);
    }
    waits.sort_unstable();
    waits.dedup();

    assert_eq!(waits, [60, 61, 62, 63, 64, 65, 66]);
}

#[tokio::test(start_paused = true)]
async fn old_names_are_sent_when_asked_for() {
    let limit = RateLimit::try_new([
        Policy::new("second", Quota::per_second(10)),
        Policy::new("hour", Quota::per_hour(5)),
    ])
    .unwrap()
    .legacy_headers(true)
    .headers(None);
    let layer = RateLimitLayer::from(limit);
    let response = send(layer.layer(echo()), from("192.0.2.1")).await;

    assert_eq!(response.headers()["x-ratelimit-limit"], "5");
    assert_eq!(response.headers()["x-ratelimit-remaining"], "4");
    assert_eq!(response.headers()["x-ratelimit-reset"], "720");
    assert!(!response.headers().contains_key("ratelimit"));
}

#[tokio::test(start_paused = true)]
async fn a_partition_key_is_opaque_and_the_same_for_one_client() {
    let layer = RateLimitLayer::default();
    let mut keys = Vec::new();
    for ip in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let response = send(layer.layer(echo()), from(ip)).await;
        let field = response.headers()["ratelimit"].to_str().unwrap().to_owned();
        keys.push(field.split(";pk=").nth(1).unwrap().to_owned());
    }

    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    assert_eq!(keys[0].len(), ":12345678:".len());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_counted_at_the_moment_it_was_received() {
    let layer = RateLimitLayer::new(Quota::per_second(1));
    let received = |at: Instant| {
        let mut request = from("192.0.2.1");
        Facts::of_mut(request.extensions_mut()).set(Received(at));
        request
    };
    let now = Instant::now();

    assert_eq!(status(&layer, received(now)).await, 200);
    advance(Duration::from_secs(1)).await;
    assert_eq!(status(&layer, received(now)).await, 429);
    assert_eq!(status(&layer, received(Instant::now())).await, 200);
}

#[tokio::test]
async fn the_window_is_the_time_in_which_a_burst_refills() {
    let quotas = [
        (Quota::per_second(3), 1),
        (Quota::per_minute(7), 60),
        (Quota::per_hour(7), 3600),
        (Quota::per_minute(7).burst(10), 86),
        (Quota::per_second(1000), 1),
    ];

    for (quota, window) in quotas {
        let layer = RateLimitLayer::new(quota);
        let response = send(layer.layer(echo()), from("192.0.2.1")).await;
        let policy = &items(&response, "ratelimit-policy")[0];
        assert_eq!(policy.1[1], ("w".into(), window), "{quota:?}");
    }
}

#[tokio::test]
async fn without_a_client_address_it_is_the_peers() {
    let layer = RateLimitLayer::new(Quota::per_minute(1));
    let of_peer = async |peer: [u8; 4]| {
        let mut request = portcullis_test::request("/");
        let facts = Facts::of_mut(request.extensions_mut());
        facts.set(portcullis_core::PeerAddr((peer, 1).into()));
        send(layer.layer(echo()), request).await.status().as_u16()
    };

    assert_eq!(of_peer([127, 0, 0, 2]).await, 200);
    assert_eq!(of_peer([127, 0, 0, 2]).await, 429);
    assert_eq!(of_peer([127, 0, 0, 3]).await, 200);
}
