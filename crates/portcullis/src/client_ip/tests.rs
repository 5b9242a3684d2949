use std::{convert::Infallible, net::IpAddr};

use http::{HeaderMap, HeaderValue, Request};
use portcullis_core::{ClientIp, ConfigError, Counts, Facts, Host, PeerAddr, Scheme};
use portcullis_test::{contract, logged};
use proptest::{prelude::*, strategy::Strategy as _};
use tower::{Layer, ServiceExt, service_fn};

use super::{ClientIpLayer, Family, Strategy, address, claims, forwarded};

contract!(
    ClientIpLayer::new(),
    ClientIpLayer::off(),
    ClientIpLayer::new().trust_list("127.0.0.0/8").unwrap(),
);

type Sent<'a> = &'a [(&'static str, &'a str)];

async fn facts(layer: &ClientIpLayer, peer: &str, headers: Sent<'_>) -> Facts {
    let mut request = Request::new(());
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(*name, value);
    }
    Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer.parse().unwrap()));
    let service = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Facts::of(request.extensions()).clone())
    });
    layer.layer(service).oneshot(request).await.unwrap()
}

async fn client(layer: &ClientIpLayer, peer: &str, headers: Sent<'_>) -> String {
    let facts = facts(layer, peer, headers).await;
    facts.get().map(|ClientIp(ip)| ip.to_string()).unwrap()
}

fn trusting() -> ClientIpLayer {
    let list = "10.0.0.0/8, 2001:db8:1::/48, 192.0.2.200";
    ClientIpLayer::new().trust_list(list).unwrap()
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
    for layer in [ClientIpLayer::new(), trusting()] {
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

#[tokio::test]
async fn a_mapped_peer_is_its_ipv4_address() {
    let sent: Sent<'_> = &[("x-forwarded-for", "192.0.2.7")];

    assert_eq!(
        client(&trusting(), "[::ffff:10.0.0.1]:9", sent).await,
        "192.0.2.7"
    );
    assert_eq!(
        client(&ClientIpLayer::new(), "[::ffff:10.0.0.1]:9", sent).await,
        "10.0.0.1"
    );
    let mapped = ClientIpLayer::new()
        .trust_list("::ffff:10.0.0.0/104")
        .unwrap();
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
            .matches("a forwarding header came from a stranger")
            .count()
    };

    assert_eq!(warnings(ClientIpLayer::new(), forwarded).await, 1);
    assert_eq!(
        warnings(ClientIpLayer::new(), &[("forwarded", "for=a")]).await,
        1
    );
    assert_eq!(
        warnings(ClientIpLayer::new(), &[("x-real-ip", "a")]).await,
        1
    );
    assert_eq!(
        warnings(ClientIpLayer::new(), &[("accept", "text/html")]).await,
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
    let error = ClientIpLayer::new()
        .trust_list("10.0.0.0/8, 10.0.0.0/33, proxy")
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "trusted proxies: \"10.0.0.0/33\" is neither an address nor a CIDR range; \
         trusted proxies: \"proxy\" is neither an address nor a CIDR range"
    );
}

/// A strategy as the corpus writes it.
fn strategy(text: &str) -> Strategy {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let family = |name: &str| match name {
        "xff" => Family::XForwardedFor,
        "forwarded" => Family::Forwarded,
        other => Family::List(other.parse().unwrap()),
    };
    match kind {
        "peer" => Strategy::peer(),
        "header" => {
            let (name, proxies) = rest.split_once(' ').unwrap();
            Strategy::header(name, proxies).unwrap()
        }
        "hops" => {
            let (hops, name) = rest.split_once(' ').unwrap();
            Strategy::hops(family(name), hops.parse().unwrap()).unwrap()
        }
        "proxies" => {
            let (name, proxies) = rest.split_once(' ').unwrap();
            Strategy::proxies(family(name), proxies).unwrap()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_corpus_of_forgeries_changes_no_client() {
    let corpus = include_str!("../../../../tests/data/spoofing.toml");
    let corpus: toml::Table = corpus.parse().unwrap();
    let cases = corpus["case"].as_array().unwrap();
    for case in cases {
        let text = |name: &str| case.get(name).and_then(toml::Value::as_str);
        let layer = ClientIpLayer::of(strategy(text("strategy").unwrap()));
        let mut request = Request::new(());
        for line in case["headers"].as_array().unwrap() {
            let (name, value) = line.as_str().unwrap().split_once(": ").unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        let peer = text("peer").unwrap_or("10.0.0.1:9");
        Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer.parse().unwrap()));
        let seen = service_fn(|request: Request<()>| async move { Ok::<_, Infallible>(request) });
        let seen = layer.layer(seen).oneshot(request).await.unwrap();

        let facts = Facts::of(seen.extensions());
        let client = facts.get().map(|ClientIp(ip)| ip.to_string());
        assert_eq!(client.as_deref(), text("client"), "{case}");
        let scheme = facts.get().map(|scheme: &Scheme| scheme.as_str());
        assert_eq!(scheme, text("scheme"), "{case}");
        let host = facts.get().map(|Host(host)| host.as_str());
        assert_eq!(host, text("host"), "{case}");
        if let Some(left) = case.get("left") {
            let names = seen.headers().iter();
            let lines = names.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            let lines: Vec<toml::Value> = lines.map(Into::into).collect();
            assert_eq!(&toml::Value::Array(lines), left, "{case}");
        }
        let failed = layer.shared().failed.happened_before();
        assert_eq!(failed, text("failed").is_some(), "{case}");
    }
    assert!(cases.len() >= 60, "{}", cases.len());
}

#[tokio::test]
async fn a_decision_says_why() {
    let sent = |layer: &ClientIpLayer, peer: &str, line: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", line.parse().unwrap());
        layer.explain(peer.parse().unwrap(), &headers).to_string()
    };
    let line = "6.6.6.6, 192.0.2.7, 10.0.0.2";

    assert_eq!(
        sent(&trusting(), "10.0.0.1:9", line),
        "192.0.2.7: entry 2 of x-forwarded-for from the right, the first that is no trusted proxy"
    );
    assert_eq!(
        sent(&trusting(), "192.0.2.9:9", line),
        "192.0.2.9: the socket's other end, which is no trusted proxy"
    );
    assert_eq!(
        sent(&ClientIpLayer::new(), "192.0.2.9:9", line),
        "192.0.2.9: the socket's other end, no proxy is trusted"
    );
    assert_eq!(
        sent(&trusting(), "10.0.0.1:9", "unknown, 10.0.0.2"),
        "10.0.0.2: entry 2 of x-forwarded-for is no address"
    );
    let two = ClientIpLayer::of(Strategy::hops(Family::XForwardedFor, 2).unwrap());
    assert_eq!(
        sent(&two, "10.0.0.1:9", line),
        "192.0.2.7: entry 2 of x-forwarded-for from the right"
    );
    assert_eq!(
        sent(&two, "10.0.0.1:9", "6.6.6.6"),
        "10.0.0.1: 10.0.0.1 sent no x-forwarded-for, or too few entries"
    );
}

#[tokio::test]
async fn a_failure_is_counted_each_time_and_told_once_with_header_and_peer() {
    let layer = trusting();
    let garbage: Sent<'_> = &[("x-forwarded-for", "unknown")];
    let (log, ()) = logged(async {
        for _ in 0..5 {
            client(&layer, "10.0.0.1:9", garbage).await;
        }
    })
    .await;

    let counts = layer.counts();
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
    let layer = ClientIpLayer::new();
    let sent: Sent<'_> = &[("x-forwarded-for", "192.0.2.7")];
    assert_eq!(client(&layer, "10.0.0.1:9", sent).await, "10.0.0.1");
    layer.set_strategy(Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8").unwrap());

    assert_eq!(client(&layer, "10.0.0.1:9", sent).await, "192.0.2.7");
}

#[tokio::test]
async fn a_server_that_knows_no_peer_is_told_one() {
    let layer = trusting().default_peer(([10, 0, 0, 1], 0).into());
    let mut request = Request::new(());
    request
        .headers_mut()
        .insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7"));
    let service = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Facts::of(request.extensions()).clone())
    });
    let facts = layer.layer(service).oneshot(request).await.unwrap();

    assert_eq!(facts.get(), Some(&ClientIp([192, 0, 2, 7].into())));
}

#[test]
fn a_wrong_strategy_says_everything() {
    let error = |strategy: Result<Strategy, ConfigError>| strategy.unwrap_err().to_string();

    assert_eq!(
        error(Strategy::header("x real ip", "10.0.0.0/40, proxy")),
        "trusted proxies: \"x real ip\" is no header name; \
         trusted proxies: \"10.0.0.0/40\" is neither an address nor a CIDR range; \
         trusted proxies: \"proxy\" is neither an address nor a CIDR range"
    );
    assert!(error(Strategy::hops(Family::Forwarded, 0)).contains("between 1 and 32"));
    assert!(error(Strategy::proxies(Family::Forwarded, " ,")).contains("none is named"));
}

proptest! {
    #[test]
    fn no_entry_panics_and_every_address_survives(entry: String, ip: IpAddr, port: u16) {
        address::parse(&entry);
        forwarded::parse(&entry);
        claims::is_claim(&entry);
        let canonical = ip.to_canonical();
        let expected = (!canonical.is_unspecified()).then_some(canonical);
        prop_assert_eq!(address::parse(&ip.to_string()), expected);
        let socket = std::net::SocketAddr::new(ip, port).to_string();
        prop_assert_eq!(address::parse(&socket), expected);
    }

    #[test]
    fn a_stranger_is_who_it_is(lines in lines(), peer: IpAddr) {
        for strategy in strategies() {
            let peer = peer.to_canonical();
            if !strategy.trusts(peer) {
                prop_assert_eq!(strategy.explain(peer, &headers(&lines)).client(), peer);
            }
        }
    }

    /// Whatever a client sends, what the proxy appends to it decides, in the same line or in one
    /// of its own.
    #[test]
    fn what_a_proxy_appends_decides(lines in lines(), client: std::net::Ipv4Addr, own_line: bool) {
        let proxy: IpAddr = [10, 0, 0, 1].into();
        prop_assume!(!client.is_unspecified() && client.octets()[0] != 10);
        for strategy in strategies() {
            let Some(name) = strategy.reads().cloned() else { continue };
            let entry = match name.as_str() {
                "forwarded" => format!("for={client}"),
                _ => client.to_string(),
            };
            let mut headers = headers(&lines);
            let sent: Vec<_> = headers.get_all(&name).iter().cloned().collect();
            let is_single = strategy.family().is_none();
            match sent.last().filter(|_| !own_line && !is_single) {
                Some(last) => {
                    let joined = [last.as_bytes(), b", ", entry.as_bytes()].concat();
                    // A proxy does not append to what is no text.
                    prop_assume!(last.to_str().is_ok());
                    headers.remove(&name);
                    for line in &sent[..sent.len() - 1] {
                        headers.append(&name, line.clone());
                    }
                    headers.append(&name, HeaderValue::from_bytes(&joined).unwrap());
                }
                None => drop(headers.append(&name, entry.parse().unwrap())),
            }
            let decision = strategy.explain(proxy, &headers);
            prop_assert_eq!(decision.client(), IpAddr::from(client), "{:?}", headers);
        }
    }

    #[test]
    fn what_is_left_names_the_same_client(lines in lines()) {
        let proxy: IpAddr = [10, 0, 0, 1].into();
        for strategy in strategies() {
            let mut headers = headers(&lines);
            let decision = strategy.explain(proxy, &headers);
            claims::strip(&mut headers, &strategy, Some(&decision));
            if !decision.has_failed() {
                prop_assert_eq!(strategy.explain(proxy, &headers).client(), decision.client());
            }
            let before = headers.clone();
            claims::strip(&mut headers, &strategy, Some(&decision));
            prop_assert_eq!(before, headers, "once is enough");
        }
    }
}

/// Header lines that are garbage, or nearly right.
fn lines() -> impl proptest::strategy::Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let nearly = "(for=|FOR=|)(\"?\\[?)(10\\.0\\.0\\.[0-9]|6\\.6\\.6\\.6|2001:db8::1|unknown|_x|\"|\\\\)(\\]?\"?)(:80|;proto=https|)(, |,|)";
    let nearly = proptest::collection::vec(nearly, 1..4).prop_map(|parts| parts.concat().into());
    let garbage = proptest::collection::vec(32_u8..=255, 0..40);
    proptest::collection::vec((0..5_usize, prop_oneof![nearly, garbage]), 0..5)
}

fn headers(lines: &[(usize, Vec<u8>)]) -> HeaderMap {
    let names = [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "x-clients",
        "x-forwarded-proto",
    ];
    let mut headers = HeaderMap::new();
    for (name, line) in lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(names[*name], value);
        }
    }
    headers
}

fn strategies() -> [Strategy; 6] {
    [
        "peer",
        "header x-real-ip 10.0.0.0/8",
        "hops 1 xff",
        "proxies xff 10.0.0.0/8",
        "proxies forwarded 10.0.0.0/8",
        "proxies x-clients 10.0.0.0/8",
    ]
    .map(strategy)
}
