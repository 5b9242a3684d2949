use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use portcullis_core::ConfigError;

use super::host::{HostPort, Name};

/// The hosts that are served.
#[derive(Clone, Debug)]
pub(super) struct Hosts(Vec<Served>);

#[derive(Clone, Debug)]
struct Served {
    host: Host,
    port: Option<u16>,
    /// As it was written.
    text: String,
}

#[derive(Clone, Debug)]
enum Host {
    Exact(Vec<u8>),
    /// All names below this one, but not it itself.
    Below(Vec<u8>),
    V6(Ipv6Addr),
}

// ===== impl Hosts =====

impl Hosts {
    /// Parses a list: `example.com`, `*.example.com`, `192.0.2.1`, `[::1]`, each with a port or
    /// without.
    pub(super) fn parse(
        hosts: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let mut served = Vec::new();
        let mut problems = Vec::new();
        for text in hosts {
            let text = text.as_ref();
            match Served::parse(text) {
                Some(host) => served.push(host),
                None => problems.push(format!("hosts: {text:?} is not a host")),
            }
        }
        if served.is_empty() && problems.is_empty() {
            let problem = "hosts: an empty list refuses everything; leave it out instead";
            problems.push(problem.to_owned());
        }
        ConfigError::check(problems)?;
        Ok(Self(served))
    }

    /// Returns `true` if a host is one of these.
    pub(super) fn contains(&self, asked: &HostPort<'_>) -> bool {
        let host = asked.host.without_root();
        let is_port = |port: Option<u16>| port.is_none() || port == asked.port;
        let mut served = self.0.iter();
        served.any(|served| served.host.matches(host) && is_port(served.port))
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().map(|served| &*served.text).collect();
        f.write_str(&all.join(", "))
    }
}

// ===== impl Served =====

impl Served {
    fn parse(text: &str) -> Option<Self> {
        // Nothing else has two colons, so brackets say nothing here.
        let bracketed = match text.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => text.to_owned(),
        };
        let suffix = bracketed.strip_prefix("*.");
        let parsed = HostPort::parse(suffix.unwrap_or(&bracketed).as_bytes())?;
        let host = match (parsed.host.without_root(), suffix.is_some()) {
            (Name::V6(address), false) => Host::V6(address),
            (Name::Text(name), false) => Host::Exact(name.to_owned()),
            (Name::Text(name), true) if !is_address(name) => Host::Below(name.to_owned()),
            (_, true) => return None,
        };
        Some(Self {
            host,
            port: parsed.port,
            text: text.to_owned(),
        })
    }
}

// ===== impl Host =====

impl Host {
    fn matches(&self, asked: Name<'_>) -> bool {
        match (self, asked) {
            (Self::Exact(name), asked) => Name::Text(name) == asked,
            (Self::V6(address), asked) => Name::V6(*address) == asked,
            (Self::Below(name), Name::Text(asked)) => {
                let (_, last) = asked.split_at(asked.len().saturating_sub(name.len()));
                let above = asked
                    .strip_suffix(last)
                    .and_then(|rest| rest.strip_suffix(b"."));
                last.eq_ignore_ascii_case(name) && above.is_some_and(|labels| !labels.is_empty())
            }
            (Self::Below(_), Name::V6(_)) => false,
        }
    }
}

fn is_address(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| name.parse::<IpAddr>().is_ok())
}
