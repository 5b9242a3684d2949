use http::{HeaderMap, HeaderValue, Request};
use portcullis_core::{ClientIp, ConfigError, Facts, Host, PeerAddr, Scheme};

use super::{Family, ResolveClientIp, Strategy, guard, pass};

/// A strategy as the corpus writes it.
pub(super) fn strategy(text: &str) -> Strategy {
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
    let corpus = include_str!("../../../../../tests/data/spoofing.toml");
    let corpus: toml::Table = corpus.parse().unwrap();
    let cases = corpus["case"].as_array().unwrap();
    for case in cases {
        let text = |name: &str| case.get(name).and_then(toml::Value::as_str);
        let guard = ResolveClientIp::from_strategy(strategy(text("strategy").unwrap()));
        let mut request = Request::new(());
        for line in case["headers"].as_array().unwrap() {
            let (name, value) = line.as_str().unwrap().split_once(": ").unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(name, value);
        }
        let peer = text("peer").unwrap_or("10.0.0.1:9");
        Facts::of_mut(request.extensions_mut()).set(PeerAddr(peer.parse().unwrap()));
        let seen = pass(&guard.clone().into(), request).await;

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
        assert_eq!(guard.has_failed(), text("failed").is_some(), "{case}");
    }
    assert!(cases.len() >= 60, "{}", cases.len());
}

#[tokio::test]
async fn a_decision_says_why() {
    let sent = |guard: &ResolveClientIp, peer: &str, line: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", line.parse().unwrap());
        guard.explain(peer.parse().unwrap(), &headers).to_string()
    };
    let line = "6.6.6.6, 192.0.2.7, 10.0.0.2";

    assert_eq!(
        sent(&guard(), "10.0.0.1:9", line),
        "192.0.2.7: entry 2 of x-forwarded-for from the right, the first that is no trusted proxy"
    );
    assert_eq!(
        sent(&guard(), "192.0.2.9:9", line),
        "192.0.2.9: the peer, which is no trusted proxy"
    );
    assert_eq!(
        sent(&ResolveClientIp::new(), "192.0.2.9:9", line),
        "192.0.2.9: the peer, no proxy is trusted"
    );
    assert_eq!(
        sent(&guard(), "10.0.0.1:9", "unknown, 10.0.0.2"),
        "10.0.0.2: entry 2 of x-forwarded-for is no address"
    );
    let two = ResolveClientIp::from_strategy(Strategy::hops(Family::XForwardedFor, 2).unwrap());
    assert_eq!(
        sent(&two, "10.0.0.1:9", line),
        "192.0.2.7: entry 2 of x-forwarded-for from the right"
    );
    assert_eq!(
        sent(&two, "10.0.0.1:9", "6.6.6.6"),
        "10.0.0.1: 10.0.0.1 sent no x-forwarded-for, or too few entries"
    );
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
