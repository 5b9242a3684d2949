use std::time::Duration;

use http::{Method, Request};
use portcullis_core::{Count, Counts, Facts, Principal, Quota, Rejection};
use portcullis_test::{Body, echo, logged, request, send};
use tokio::time::advance;
use tower::Layer;

use super::{from, items};
use crate::rate_limit::{KeyBy, Policy, Prefixes, RateLimit, RateLimitLayer};

fn layer(policies: impl IntoIterator<Item = Policy>) -> RateLimitLayer {
    RateLimitLayer::try_new(policies).unwrap().jitter(false)
}

pub(super) async fn status(layer: &RateLimitLayer, request: Request<Body>) -> u16 {
    send(layer.layer(echo()), request).await.status().as_u16()
}

async fn admitted(layer: &RateLimitLayer, request: impl Fn() -> Request<Body>) -> usize {
    let mut admitted = 0;
    for _ in 0..100 {
        admitted += usize::from(status(layer, request()).await == 200);
    }
    admitted
}

fn by(principal: &str, key: &str) -> Request<Body> {
    let mut request = from("192.0.2.1");
    Facts::of_mut(request.extensions_mut()).set(Principal::new(principal).with_key(key));
    request
}

fn to(method: Method, path: &str) -> Request<Body> {
    let mut request = from("192.0.2.1");
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn count(limit: &RateLimit, name: &str, policy: &str) -> u64 {
    let counts = limit.counts();
    let is_it = |count: &&Count| count.name.ends_with(name) && count.labels[0].1 == policy;
    counts.iter().find(is_it).unwrap().value
}

#[tokio::test(start_paused = true)]
async fn the_strictest_policy_wins_and_all_are_told() {
    let layer = layer([
        Policy::new("second", Quota::per_second(10)),
        Policy::new("hour", Quota::per_hour(12)),
    ]);
    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 10);
    advance(Duration::from_secs(1)).await;
    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 2);

    let refused = send(layer.layer(echo()), from("192.0.2.1")).await;
    let rejection = refused.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.violated_policies(), ["hour"]);
    assert_eq!(
        items(&refused, "ratelimit-policy"),
        [
            ("second".into(), vec![("q".into(), 10), ("w".into(), 1)]),
            ("hour".into(), vec![("q".into(), 12), ("w".into(), 3600)]),
        ]
    );
    let limits = items(&refused, "ratelimit");
    // The second's quota lost 2 in its second, and nothing by what the hour's refused.
    assert_eq!(limits[0].1[0], ("r".into(), 8));
    assert_eq!(limits[1].1, [("r".into(), 0), ("t".into(), 299)]);
    assert_eq!(refused.headers()["retry-after"], "299");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_and_refuses_nothing() {
    let limit = RateLimit::try_new([
        Policy::new("real", Quota::per_hour(50)),
        Policy::new("dry", Quota::per_hour(5)).dry_run(),
    ])
    .unwrap();
    let layer = RateLimitLayer::from(limit.clone());

    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 50);
    assert_eq!(count(&limit, "_dry_run_refused", "dry"), 45 + 50);
    assert_eq!(count(&limit, "limit_refused", "real"), 50);
    let response = send(layer.layer(echo()), from("192.0.2.2")).await;
    assert_eq!(items(&response, "ratelimit").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn quotas_are_of_principals_keys_or_whatever_a_function_says() {
    let hour = Quota::per_hour(3);
    let principals = layer([Policy::new("p", hour).by(KeyBy::principal())]);
    assert_eq!(admitted(&principals, || by("alice", "k1")).await, 3);
    assert_eq!(admitted(&principals, || by("alice", "k2")).await, 0);
    assert_eq!(admitted(&principals, || by("bob", "k1")).await, 3);
    assert_eq!(
        admitted(&principals, || from("192.0.2.1")).await,
        3,
        "by address"
    );

    let keys = layer([Policy::new("k", hour).by(KeyBy::api_key())]);
    assert_eq!(admitted(&keys, || by("alice", "k1")).await, 3);
    assert_eq!(admitted(&keys, || by("alice", "k2")).await, 3);

    let tenant = KeyBy::head(|head| Some(head.headers.get("tenant")?.to_str().ok()?.into()));
    let tenants = layer([Policy::new("t", hour).by(tenant)]);
    let of = |tenant: &'static str| {
        let mut request = request("/");
        request
            .headers_mut()
            .insert("tenant", tenant.parse().unwrap());
        request
    };
    assert_eq!(admitted(&tenants, || of("a")).await, 3);
    assert_eq!(admitted(&tenants, || of("b")).await, 3);
    assert_eq!(
        admitted(&tenants, || request("/")).await,
        100,
        "not counted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_network_is_as_wide_as_it_is_said_to_be() {
    let networks = KeyBy::network(Prefixes::new(24, 48).unwrap());
    let layer = layer([Policy::new("n", Quota::per_hour(3)).by(networks)]);

    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 3);
    assert_eq!(admitted(&layer, || from("192.0.2.200")).await, 0);
    assert_eq!(admitted(&layer, || from("192.0.3.1")).await, 3);
    assert_eq!(admitted(&layer, || from("2001:db8:1:1::1")).await, 3);
    assert_eq!(admitted(&layer, || from("2001:db8:1:2::1")).await, 0);
}

#[tokio::test(start_paused = true)]
async fn tiers_have_quotas_of_their_own() {
    let policy = Policy::new("tiered", Quota::per_hour(2)).by(KeyBy::principal());
    let by_id = layer([policy.clone().tier("alice", Quota::per_hour(7))]);
    assert_eq!(admitted(&by_id, || by("alice", "")).await, 7);
    assert_eq!(admitted(&by_id, || by("bob", "")).await, 2);
    let response = send(by_id.layer(echo()), by("alice", "")).await;
    assert_eq!(
        items(&response, "ratelimit-policy")[0].1[0],
        ("q".into(), 7)
    );

    let by_header = policy
        .tier("gold", Quota::per_hour(9))
        .tier_by(|head| Some(head.headers.get("tier")?.to_str().ok()?.into()));
    let by_header = layer([by_header]);
    let gold = || {
        let mut request = by("carol", "");
        request
            .headers_mut()
            .insert("tier", "gold".parse().unwrap());
        request
    };
    assert_eq!(admitted(&by_header, gold).await, 9);
    assert_eq!(admitted(&by_header, || by("dave", "")).await, 2);
}

#[tokio::test(start_paused = true)]
async fn there_may_be_a_tier_for_each_of_a_thousand_principals() {
    let policy = Policy::new("tiered", Quota::per_hour(1)).by(KeyBy::principal());
    let policy = (0..1_000).fold(policy, |policy, n| {
        policy.tier(format!("user-{n}"), Quota::per_hour(2 + n % 3))
    });
    let layer = layer([policy]);

    for (user, quota) in [
        ("user-0", 2),
        ("user-254", 4),
        ("user-255", 2),
        ("user-999", 2),
    ] {
        assert_eq!(admitted(&layer, || by(user, "")).await, quota, "{user}");
    }
    assert_eq!(admitted(&layer, || by("nobody", "")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_what_it_is_said_to_cost() {
    let cost = |head: &http::request::Parts| match head.uri.path() {
        "/free" => 0,
        "/dear" => 5,
        "/absurd" => u32::MAX,
        _ => 1,
    };
    let layer = layer([Policy::new("c", Quota::per_hour(10)).cost(cost)]);

    assert_eq!(admitted(&layer, || to(Method::GET, "/free")).await, 100);
    assert_eq!(status(&layer, to(Method::GET, "/absurd")).await, 200);
    assert_eq!(admitted(&layer, || to(Method::GET, "/")).await, 0);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(admitted(&layer, || to(Method::GET, "/dear")).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_for_some_paths_and_spares_others() {
    let limited = layer([Policy::new("login", Quota::per_hour(1)).paths(["POST /login"])]);
    assert_eq!(admitted(&limited, || to(Method::POST, "/login")).await, 1);
    for same in [
        "/login/",
        "/%6cogin",
        "//login",
        "/x/../login",
        "/login?a=b",
    ] {
        assert_eq!(
            status(&limited, to(Method::POST, same)).await,
            429,
            "{same}"
        );
    }
    assert_eq!(admitted(&limited, || to(Method::GET, "/login")).await, 100);
    let other = send(limited.layer(echo()), to(Method::GET, "/other")).await;
    assert!(other.headers().is_empty());

    let sparing = layer([Policy::new("all", Quota::per_hour(1))
        .exempt_paths(["/assets/*"])
        .exempt_methods([Method::HEAD])
        .exempt_networks(["10.0.0.0/8", "::ffff:172.16.0.0/108"].map(|net| net.parse().unwrap()))]);
    assert_eq!(admitted(&sparing, || to(Method::GET, "/")).await, 1);
    assert_eq!(
        admitted(&sparing, || to(Method::GET, "/assets/a")).await,
        100
    );
    assert_eq!(admitted(&sparing, || to(Method::HEAD, "/")).await, 100);
    assert_eq!(admitted(&sparing, || from("10.1.2.3")).await, 100);
    assert_eq!(admitted(&sparing, || from("::ffff:10.1.2.3")).await, 100);
    assert_eq!(admitted(&sparing, || from("172.16.1.2")).await, 100);
}

#[tokio::test(start_paused = true)]
async fn policies_change_while_counters_go_on() {
    let limit = RateLimit::new(Quota::per_hour(10));
    let layer = RateLimitLayer::from(limit.clone());
    for _ in 0..4 {
        status(&layer, from("192.0.2.1")).await;
    }
    let more = Policy::new("default", Quota::per_hour(100));
    limit.set_policies([more]).unwrap();
    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 96);

    let wrong = [
        Policy::new("a", Quota::per_hour(1)).paths(["login"]),
        Policy::new("a", Quota::per_hour(1)),
        Policy::new("\"", Quota::per_hour(1)),
    ];
    let error = limit.set_policies(wrong).unwrap_err().to_string();
    for part in [
        "does not start with a slash",
        "two policies are called",
        "a name is",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(
        admitted(&layer, || from("192.0.2.1")).await,
        0,
        "the old one goes on"
    );
    let table = RateLimit::new(Quota::per_hour(1)).bytes();
    assert_eq!(
        limit.bytes(),
        2 * table,
        "the earlier one is kept for a window"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quota_may_be_for_all_requests_together() {
    let limit = RateLimit::try_new([
        Policy::new("each", Quota::per_hour(2)),
        Policy::new("all", Quota::per_hour(3)).by(KeyBy::global()),
    ]);
    let limit = limit.unwrap();
    let layer = RateLimitLayer::from(limit.clone());

    assert_eq!(admitted(&layer, || from("192.0.2.1")).await, 2);
    assert_eq!(admitted(&layer, || from("192.0.2.2")).await, 1);
    let count = |name: &str, policy: &str| {
        let counts = Counts::counts(&limit);
        let mut counts = counts.into_iter().filter(|count| count.name == name);
        counts
            .find(|count| count.labels[0].1 == policy)
            .unwrap()
            .value
    };
    assert_eq!(count("portcullis_rate_limit_refused", "all"), 99);
    assert_eq!(count("portcullis_rate_limit_refused", "each"), 98);
    assert_eq!(count("portcullis_rate_limit_allowed", "each"), 200 - 98);
}

#[tokio::test(start_paused = true)]
async fn of_a_few_keys_the_first_refusal_in_a_minute_is_logged_and_the_others_are_counted() {
    let (lines, ()) = logged(async {
        let layer = layer([Policy::new("few", Quota::per_hour(1))]);
        for minute in 0..3 {
            for client in 0..10 {
                status(&layer, from(&format!("192.0.2.{client}"))).await;
                status(&layer, from(&format!("192.0.2.{client}"))).await;
            }
            advance(Duration::from_secs(if minute == 0 { 30 } else { 60 })).await;
        }
    })
    .await;

    let logged: Vec<_> = lines
        .lines()
        .filter(|line| line.contains("over the quota"))
        .collect();
    // In the first minute ten are refused, and then twenty.
    assert_eq!(logged.len(), 8 + 1 + 8, "{lines}");
    assert!(
        logged[0].contains("policy=\"few\" key=\"ip:192.0.2.0\""),
        "{lines}"
    );
    assert!(logged[8].contains("requests=22"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn what_a_function_makes_of_a_head_is_not_logged() {
    let (lines, ()) = logged(async {
        let by = KeyBy::head(|_| Some("a secret".into()));
        let layer = layer([Policy::new("p", Quota::per_hour(1)).by(by)]);
        admitted(&layer, || from("192.0.2.1")).await;
    })
    .await;

    assert!(
        lines.contains("key=\"of a function\"") && !lines.contains("a secret"),
        "{lines}"
    );
    assert_eq!(lines.matches("over the quota").count(), 1, "{lines}");
}
