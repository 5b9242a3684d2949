mod properties;
mod strategies;

use std::{convert::Infallible, future::ready, sync::mpsc};

use http::{HeaderValue, Request, Response};
use portcullis_core::{ClientIp, Counts, Facts, PeerAddr, Scheme};
use portcullis_test::{Body, contract, logged};
use tower::{Layer, ServiceExt, service_fn};

use super::{ClientIpLayer, Family, ResolveClientIp, Strategy};

contract!(
    ClientIpLayer::default(),
    ClientIpLayer::off(),
    ClientIpLayer::from(ResolveClientIp::new().trust_list("127.0.0.0/8").unwrap()),
);

type Sent<'a> = &'a [(&'static str, &'a str)];

async fn facts(layer: &ClientIpLayer, peer: &str, headers: Sent<'_>) -> Facts {
    let mut request = Request::new(());
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(*name, value);
    }
    Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer.parse().unwrap()));
    Facts::of(pass(layer, request).await.extensions()).clone()
}

/// Returns a request as the application sees it.
async fn pass(layer: &ClientIpLayer, request: Request<()>) -> Request<()> {
    let (sender, seen) = mpsc::channel();
    let keeps = service_fn(move |request: Request<()>| {
        sender.send(request).unwrap();
        ready(Ok::<_, Infallible>(Response::new(Body::default())))
    });
    layer.layer(keeps).oneshot(request).await.unwrap();
    seen.recv().unwrap()
}

async fn client(layer: &ClientIpLayer, peer: &str, headers: Sent<'_>) -> String {
    let facts = facts(layer, peer, headers).await;
    facts.get().map(|ClientIp(ip)| ip.to_string()).unwrap()
}

fn guard() -> ResolveClientIp {
    let list = "10.0.0.0/8, 2001:db8:1::/48, 192.0.2.200";
    ResolveClientIp::new().trust_list(list).unwrap()
}

fn trusting() -> ClientIpLayer {
    guard().into()
}

#[tokio::test]
async fn an_untrusted_peer_is_the_client_whatever_it_sends() {
    let forged: Sent<'_> = &[
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
    ];
    for layer in [ClientIpLayer::default(), trusting()] {
        let facts = facts(&layer, "192.0.2.1:9", forged).await;

        assert_eq!(facts.get(), Some(&ClientIp("192.0.2.1".parse().unwrap())));
        assert!(!facts.is_peer_trusted());
        assert_eq!(facts.get::<Scheme>(), None);
    }
}

#[tokio::test]
async fn walks_from_the_right_over_all_lines() {
    let cases: &[(Sent<'_>, &str)] = &[
        (&[], "10.0.0.1"),
        (&[("x-forwarded-for", "6.6.6.6, 192.0.2.7")], "192.0.2.7"),
        (
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "192.0.2.7"),
            ],
            "192.0.2.7",
        ),
        (
            &[
                ("x-forwarded-for", "6.6.6.6, 192.0.2.7,10.0.0.2"),
                ("x-forwarded-for", "2001:db8:1::5"),
            ],
            "192.0.2.7",
        ),
        (&[("x-forwarded-for", "192.0.2.7:4711")], "192.0.2.7"),
        (&[("x-forwarded-for", "[2001:db8::7]:443")], "2001:db8::7"),
        (&[("x-forwarded-for", "[2001:db8::7]")], "2001:db8::7"),
        (&[("x-forwarded-for", "fe80::1%eth0")], "fe80::1"),
        (&[("x-forwarded-for", "::ffff:192.0.2.7")], "192.0.2.7"),
        (&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        (&[("x-forwarded-for", "6.6.6.6, 192.0.2.200")], "6.6.6.6"),
    ];
    for (headers, expected) in cases {
        assert_eq!(
            client(&trusting(), "10.0.0.1:9", headers).await,
            *expected,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn garbage_stops_the_walk() {
    let garbage = [
        "unknown",
        "_hidden",
        "1.1.1.1.1",
        "",
        "0x7f.1",
        "017700000001",
        "2130706433",
        "0.0.0.0",
        "::",
        "é",
    ];
    for garbage in garbage {
        let list = format!("6.6.6.6, {garbage}, 10.0.0.2");
        let headers: Sent<'_> = &[("x-forwarded-for", &list)];
        let expected = if garbage == "é" {
            "10.0.0.1"
        } else {
            "10.0.0.2"
        };

        assert_eq!(
            client(&trusting(), "10.0.0.1:9", headers).await,
            expected,
            "{garbage}"
        );
    }
}

#[tokio::test]
async fn other_families_of_headers_count_for_nothing() {
    let others: Sent<'_> = &[
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("cf-connecting-ip", "6.6.6.6"),
    ];

    assert_eq!(client(&trusting(), "10.0.0.1:9", others).await, "10.0.0.1");
}

/// A request of this peer, as the application sees it.
async fn seen(layer: &ClientIpLayer, peer: &str, headers: Sent<'_>) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer.parse().unwrap()));
    pass(layer, request).await
}

#[tokio::test]
async fn names_that_claim_an_address_are_taken_out() {
    let others = [
        "accept",
        "host",
        "x-address",
        "x-api-key",
        "x-ship",
        "x-zip",
        "user-agent",
    ];
    let sent: Vec<_> = CLAIMS
        .iter()
        .chain(&others)
        .map(|name| (*name, "6.6.6.6"))
        .collect();

    let request = seen(&ClientIpLayer::default(), "192.0.2.9:1", &sent).await;
    let mut left: Vec<_> = request
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    left.sort_unstable();
    let mut expected = others;
    expected.sort_unstable();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn companions_are_shortened_as_the_list_is() {
    let sent: Sent<'_> = &[
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
        ("x-forwarded-host", "evil.example, good.example"),
        ("x-forwarded-proto", "http, https"),
    ];

    let request = seen(&trusting(), "10.0.0.1:9", sent).await;
    let left = |name| request.headers()[name].to_str().unwrap();
    assert_eq!(left("x-forwarded-for"), "192.0.2.7");
    assert_eq!(left("x-forwarded-host"), "good.example");
    assert_eq!(left("x-forwarded-proto"), "https");

    let garbage: Sent<'_> = &[
        ("x-forwarded-for", "unknown"),
        ("x-forwarded-proto", "http, https"),
    ];
    let request = seen(&trusting(), "10.0.0.1:9", garbage).await;
    assert_eq!(
        request.headers()["x-forwarded-proto"],
        "https",
        "the proxy's own stays"
    );
}

#[tokio::test]
async fn a_line_above_the_one_that_counts_is_taken_out() {
    let strategy = Strategy::header("x-client", "10.0.0.0/8").unwrap();
    let layer = ResolveClientIp::from_strategy(strategy).into();
    let sent: Sent<'_> = &[("x-client", "6.6.6.6"), ("x-client", "192.0.2.7")];

    let request = seen(&layer, "10.0.0.1:9", sent).await;
    let left: Vec<_> = request.headers().get_all("x-client").iter().collect();
    assert_eq!(left, ["192.0.2.7"]);
}

#[tokio::test]
async fn a_mapped_peer_is_its_ipv4_address() {
    let sent: Sent<'_> = &[("x-forwarded-for", "192.0.2.7")];

    assert_eq!(
        client(&trusting(), "[::ffff:10.0.0.1]:9", sent).await,
        "192.0.2.7"
    );
    assert_eq!(
        client(&ClientIpLayer::default(), "[::ffff:10.0.0.1]:9", sent).await,
        "10.0.0.1"
    );
    let mapped = ResolveClientIp::new()
        .trust_list("::ffff:10.0.0.0/104")
        .unwrap()
        .into();
    assert_eq!(client(&mapped, "10.9.9.9:9", sent).await, "192.0.2.7");
}

#[tokio::test]
async fn a_trusted_peer_says_the_scheme() {
    for (sent, expected) in [
        ("https", Scheme::Https),
        ("http", Scheme::Http),
        ("http, HTTPS", Scheme::Https),
    ] {
        let facts = facts(&trusting(), "10.0.0.1:9", &[("x-forwarded-proto", sent)]).await;

        assert_eq!(facts.get(), Some(&expected));
        assert!(facts.is_peer_trusted());
    }
}

#[tokio::test]
async fn warns_once_that_a_header_came_and_nobody_is_trusted() {
    let forwarded: Sent<'_> = &[("x-forwarded-for", "6.6.6.6")];
    let warnings = async |layer: ClientIpLayer, headers: Sent<'_>| {
        let (lines, ()) = logged(async {
            for _ in 0..3 {
                facts(&layer.clone(), "192.0.2.1:9", headers).await;
            }
        })
        .await;
        lines
            .matches("a forwarding header came from an untrusted peer")
            .count()
    };

    assert_eq!(warnings(ClientIpLayer::default(), forwarded).await, 1);
    assert_eq!(
        warnings(ClientIpLayer::default(), &[("forwarded", "for=a")]).await,
        1
    );
    assert_eq!(
        warnings(ClientIpLayer::default(), &[("x-real-ip", "a")]).await,
        1
    );
    assert_eq!(
        warnings(ClientIpLayer::default(), &[("accept", "text/html")]).await,
        0
    );
    assert_eq!(warnings(trusting(), forwarded).await, 1);
}

#[tokio::test]
async fn off_leaves_nothing() {
    let facts = facts(&ClientIpLayer::off(), "192.0.2.1:9", &[]).await;

    assert_eq!(facts.get::<ClientIp>(), None);
}

#[test]
fn names_every_range_that_is_none() {
    let error = ResolveClientIp::new()
        .trust_list("10.0.0.0/8, 10.0.0.0/33, proxy")
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "trusted proxies: \"10.0.0.0/33\" is neither an address nor a CIDR range; \
         trusted proxies: \"proxy\" is neither an address nor a CIDR range"
    );
}
#[tokio::test]
async fn a_failure_is_counted_each_time_and_told_once_with_header_and_peer() {
    let guard = guard();
    let layer = guard.clone().into();
    let garbage: Sent<'_> = &[("x-forwarded-for", "unknown")];
    let (log, ()) = logged(async {
        for _ in 0..5 {
            client(&layer, "10.0.0.1:9", garbage).await;
        }
    })
    .await;

    let counts = guard.counts();
    let failed = counts.iter().find(|count| count.name.ends_with("failed"));
    assert_eq!(failed.unwrap().value, 5);
    assert_eq!(log.matches("does not say who its client is").count(), 1);
    assert!(
        log.contains("10.0.0.1:9") && log.contains("x-forwarded-for"),
        "{log}"
    );
}

#[tokio::test]
async fn a_strategy_is_replaced_while_requests_are_served() {
    let guard = ResolveClientIp::new();
    let layer = guard.clone().into();
    let sent: Sent<'_> = &[("x-forwarded-for", "192.0.2.7")];
    assert_eq!(client(&layer, "10.0.0.1:9", sent).await, "10.0.0.1");
    let proxies = Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8").unwrap();
    guard.set_strategy(proxies).unwrap();

    assert_eq!(client(&layer, "10.0.0.1:9", sent).await, "192.0.2.7");
}

#[tokio::test]
async fn a_server_that_knows_no_peer_is_told_one() {
    let layer = guard().default_peer(([10, 0, 0, 1], 0).into()).into();
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7"));
    let seen = pass(&layer, request).await;

    assert_eq!(
        Facts::of(seen.extensions()).get(),
        Some(&ClientIp([192, 0, 2, 7].into()))
    );
}

/// What proxies and servers are known to put an address into.
const CLAIMS: [&str; 33] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-ip",
    "client_ip",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "forwarded-for-ip",
    "http-client-ip",
    "proxy-client-ip",
    "remote-addr",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-host",
    "x-forwarded_for",
    "x-nf-client-connection-ip",
    "x-original-forwarded-for",
    "x-originating-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-true-ip",
    "x-vercel-proxied-for-ip",
];
