//! Who the client is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::{app::App, faults::Fault, message::Head};

impl App {
    /// The client, as the limiter counts it.
    pub(crate) fn client(&self, head: &Head) -> String {
        if self.has(Fault::OneLimitForAll) {
            return "all".to_owned();
        }
        let mut name = self.address(head);
        if self.has(Fault::LimiterProtocol) {
            name.push_str(if head.http2 { "/2" } else { "/1" });
        }
        name
    }

    fn address(&self, head: &Head) -> String {
        if self.has(Fault::ForwardedFamilies) {
            let others = [
                "x-real-ip",
                "true-client-ip",
                "cf-connecting-ip",
                "x-client-ip",
                "forwarded",
            ];
            if let Some(name) = others.iter().find(|name| head.has(name)) {
                return head.one(name);
            }
        }
        let trusts_all = self.has(Fault::ForwardedAnyone) || self.has(Fault::ForwardedAroundProxy);
        if !is_proxy(head.peer) && !trusts_all {
            return self.group(head.peer);
        }
        let lines = head.all("x-forwarded-for");
        let text = match self.fault {
            Fault::ForwardedFirstLine => lines.first().cloned().unwrap_or_default(),
            _ => lines.join(","),
        };
        self.forwarded(&text)
            .unwrap_or_else(|| self.group(head.peer))
    }

    fn forwarded(&self, text: &str) -> Option<String> {
        let entries: Vec<&str> = text.split(',').map(str::trim).collect();
        let chosen = match self.fault {
            Fault::ForwardedLeftmost => entries.first(),
            Fault::ForwardedLastHop => entries.last(),
            _ => entries
                .iter()
                .rev()
                .find(|entry| !parse(entry).is_some_and(is_proxy)),
        };
        let chosen = chosen.copied().filter(|entry| !entry.is_empty())?;
        if matches!(self.fault, Fault::ForwardedGarbage | Fault::AddressForms) {
            return Some(chosen.to_owned());
        }
        parse(chosen).map(|address| self.group(address))
    }

    /// IPv6 by /64.
    fn group(&self, address: IpAddr) -> String {
        match address {
            IpAddr::V6(ip) if !self.has(Fault::Ipv6ByAddress) => {
                Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).to_string()
            }
            other => other.to_string(),
        }
    }
}

/// An address, alone or with a port. Mapped ones are folded.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

pub(crate) fn is_proxy(address: IpAddr) -> bool {
    PROXIES.iter().any(|proxy| proxy.parse() == Ok(address))
}

const PROXIES: [&str; 2] = ["127.0.0.100", "127.0.0.101"];
