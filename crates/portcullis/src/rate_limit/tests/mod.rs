mod after;
mod fields;
mod flood;
mod governed;
mod in_flight;
mod policies;
mod rate;
mod reloads;
mod table;

use std::{net::IpAddr, time::Duration};

use http::{Request, Response};
use portcullis_core::{ClientIp, Facts, Quota, Rejection};
use portcullis_test::{Body, contract, echo, request, send, text};
use proptest::prelude::*;
use sfv::{BareItem, List, ListEntry, Parser};
use tokio::time::advance;
use tower::Layer;

use super::{Key, Prefixes, RateLimit, RateLimitLayer};

contract!(RateLimitLayer::default(), RateLimitLayer::off());

fn from(ip: &str) -> Request<Body> {
    let mut request = request("/");
    Facts::of_mut(request.extensions_mut()).set(ClientIp(ip.parse().unwrap()));
    request
}

async fn get(layer: &RateLimitLayer, ip: &str) -> Response<Body> {
    send(layer.layer(echo()), from(ip)).await
}

/// `r` and `t` of the only item of `RateLimit`, as a parser of structured fields reads them.
fn limit(response: &Response<Body>) -> (i64, i64) {
    let items = items(response, "ratelimit");
    let [(name, parameters)] = &items[..] else {
        panic!("one item: {items:?}");
    };
    assert_eq!(name, "default");
    (parameters[0].1, parameters[1].1)
}

/// The items of a structured field: a string, and the parameters that are integers.
fn items(response: &Response<Body>, field: &str) -> Vec<(String, Vec<(String, i64)>)> {
    let text = response.headers()[field].to_str().unwrap();
    let list: List = Parser::new(text).parse().unwrap();
    let item = |entry: &ListEntry| {
        let ListEntry::Item(item) = entry else {
            panic!("a list of items: {text}");
        };
        let name = item.bare_item.as_string().unwrap().as_str().to_owned();
        let numbers = item.params.iter().filter_map(|(key, value)| match value {
            BareItem::Integer(number) => Some((key.as_str().to_owned(), (*number).into())),
            _ => None,
        });
        (name, numbers.collect())
    };
    list.iter().map(item).collect()
}

async fn admitted(layer: &RateLimitLayer, ip: &str, requests: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..requests {
        admitted += usize::from(get(layer, ip).await.status() == 200);
    }
    admitted
}

#[tokio::test(start_paused = true)]
async fn admits_a_burst_and_then_the_rate() {
    let layer = RateLimitLayer::new(Quota::per_second(10).burst(20));

    assert_eq!(admitted(&layer, "192.0.2.1", 100).await, 20);
    advance(Duration::from_millis(100)).await;
    assert_eq!(admitted(&layer, "192.0.2.1", 100).await, 1);
    advance(Duration::from_secs(1)).await;
    assert_eq!(admitted(&layer, "192.0.2.1", 100).await, 10);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(admitted(&layer, "192.0.2.1", 100).await, 20);
}

#[tokio::test(start_paused = true)]
async fn ten_a_second_is_the_default() {
    assert_eq!(
        admitted(&RateLimitLayer::default(), "192.0.2.1", 15).await,
        10
    );
}

#[tokio::test(start_paused = true)]
async fn rates_far_below_a_millisecond_are_exact() {
    let layer = RateLimitLayer::new(Quota::per_second(100_000).burst(1));
    let mut total = 0;
    for _ in 0..1000 {
        total += admitted(&layer, "192.0.2.1", 2).await;
        advance(Duration::from_micros(10)).await;
    }

    assert_eq!(total, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_when_to_come_back_and_keeps_its_word() {
    let cases = [
        (Quota::per_second(10), 1),
        (Quota::per_minute(1), 60),
        (Quota::per_hour(1000).burst(1), 4),
    ];
    for (quota, expected) in cases {
        let layer = RateLimitLayer::new(quota).jitter(false);
        admitted(&layer, "192.0.2.1", quota.max_burst() as usize).await;
        let refused = get(&layer, "192.0.2.1").await;

        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["retry-after"], expected.to_string());
        assert_eq!(refused.headers()["cache-control"], "no-store");
        assert_eq!(limit(&refused), (0, i64::try_from(expected).unwrap()));
        let rejection = refused.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.violated_policies(), ["default"]);
        let body = text(refused).await;
        assert!(
            body.contains(r#""violated-policies":["default"]"#),
            "{body}"
        );

        advance(Duration::from_secs(expected)).await;
        assert_eq!(get(&layer, "192.0.2.1").await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_says_what_is_left() {
    let layer = RateLimitLayer::new(Quota::per_second(10).burst(15));
    for left in (0..15).rev() {
        let response = get(&layer, "192.0.2.1").await;

        assert_eq!(
            response.headers()["ratelimit-policy"],
            "\"default\";q=15;w=2"
        );
        assert_eq!(limit(&response), (left, 1));
    }
    let silent = RateLimit::new(Quota::per_second(10)).headers(None).into();
    assert!(get(&silent, "192.0.2.1").await.headers().is_empty());
    let large = RateLimitLayer::new(Quota::per_second(5000));
    let response = get(&large, "192.0.2.1").await;
    assert_eq!(limit(&response), (4999, 1));
}

#[tokio::test(start_paused = true)]
async fn addresses_have_quotas_of_their_own() {
    let layer = RateLimitLayer::new(Quota::per_minute(1));

    for ip in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
        assert_eq!(admitted(&layer, ip, 3).await, 1, "{ip}");
    }
    for same in [
        "::ffff:192.0.2.1",
        "2001:db8::2",
        "2001:db8::ffff:ffff:ffff:ffff",
    ] {
        assert_eq!(admitted(&layer, same, 3).await, 0, "{same}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_an_address_share_one_quota() {
    let layer = RateLimitLayer::new(Quota::per_minute(1));
    let first = send(layer.layer(echo()), request("/")).await;
    let second = send(layer.layer(echo()), request("/")).await;

    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 429)
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_addresses_frees_nobody_and_stays_within_its_table() {
    let layer = RateLimit::new(Quota::per_hour(1)).max_keys(1024).into();
    assert_eq!(admitted(&layer, "192.0.2.1", 2).await, 1);
    for n in 0..50_000_u32 {
        let ip = IpAddr::from(n.to_be_bytes());
        get(&layer, &ip.to_string()).await;
    }

    assert_eq!(admitted(&layer, "192.0.2.1", 2).await, 0);
}

#[tokio::test(start_paused = true)]
async fn clients_behind_a_nat64_have_quotas_of_their_own() {
    let layer = RateLimitLayer::new(Quota::per_hour(1));

    assert_eq!(admitted(&layer, "64:ff9b::192.0.2.1", 2).await, 1);
    assert_eq!(admitted(&layer, "64:ff9b::192.0.2.2", 2).await, 1);
    assert_eq!(admitted(&layer, "192.0.2.1", 1).await, 0, "the same client");
    assert_eq!(
        admitted(&layer, "64:ff9b:1::192.0.2.1", 1).await,
        1,
        "another prefix"
    );
}

#[tokio::test]
async fn off_is_identity() {
    let layer = RateLimitLayer::off();

    assert_eq!(admitted(&layer, "192.0.2.1", 100).await, 100);
    assert!(get(&layer, "192.0.2.1").await.headers().is_empty());
}

proptest! {
    #[test]
    fn a_key_is_an_ipv4_address_or_a_64(v4: [u8; 4], a: [u8; 16], host: [u8; 8]) {
        let key = |ip: IpAddr| Key::from_address(ip, Prefixes::SUBSCRIBER);
        let mapped = std::net::Ipv4Addr::from(v4).to_ipv6_mapped();
        prop_assert_eq!(key(v4.into()), key(mapped.into()));
        let mut b = a;
        b[8..].copy_from_slice(&host);
        let (a, b) = (IpAddr::from(a), IpAddr::from(b));
        prop_assume!(a.to_canonical().is_ipv6() && b.to_canonical().is_ipv6());
        prop_assert_eq!(key(a), key(b));
    }

    #[test]
    fn a_key_is_a_network(v4: [u8; 4], a: [u8; 16], bits in (1_u8..=32, 1_u8..=128)) {
        let prefixes = Prefixes::new(bits.0, bits.1).unwrap();
        for ip in [IpAddr::from(v4), IpAddr::from(a).to_canonical()] {
            let bits = if ip.is_ipv4() { bits.0 } else { bits.1 };
            let network = ipnet::IpNet::new(ip, bits).unwrap().network();
            prop_assert_eq!(Key::from_address(ip, prefixes), Key::Network(network));
        }
    }
}
