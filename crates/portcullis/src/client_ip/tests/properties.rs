use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use proptest::{prelude::*, strategy::Strategy as _};

use super::{Strategy, strategies::strategy};
use crate::client_ip::{address, forwarded, forwarding};

proptest! {
    #[test]
    fn no_entry_panics_and_every_address_survives(entry: String, ip: IpAddr, port: u16) {
        address::parse(&entry);
        forwarded::parse(&entry);
        forwarding::is_forwarding(&entry);
        let canonical = ip.to_canonical();
        let expected = (!canonical.is_unspecified()).then_some(canonical);
        prop_assert_eq!(address::parse(&ip.to_string()), expected);
        let socket = std::net::SocketAddr::new(ip, port).to_string();
        prop_assert_eq!(address::parse(&socket), expected);
    }

    #[test]
    fn an_untrusted_peer_is_who_it_is(lines in lines(), peer: IpAddr) {
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
            forwarding::strip(&mut headers, &strategy, Some(&decision));
            if !decision.has_failed() {
                prop_assert_eq!(strategy.explain(proxy, &headers).client(), decision.client());
            }
            let before = headers.clone();
            forwarding::strip(&mut headers, &strategy, Some(&decision));
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
