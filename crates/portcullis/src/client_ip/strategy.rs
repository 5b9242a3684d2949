use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use portcullis_core::ConfigError;

use super::{
    Family, address,
    decision::{Decision, Why},
    family::Entry,
};
use crate::networks::Networks;

/// How the client's address is found.
///
/// ```
/// use portcullis::client_ip::{Family, ResolveClientIp, Strategy};
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// // Behind proxies with known addresses: the first entry from the right that is none of them.
/// let behind_nginx = Strategy::proxies(Family::XForwardedFor, "10.0.0.0/8, 2001:db8:1::/48")?;
/// // Behind two proxies that each add an entry, whose addresses change.
/// let behind_two = Strategy::hops(Family::Forwarded, 2)?;
/// // Behind a proxy that writes one address.
/// let behind_cdn = Strategy::header("cf-connecting-ip", "192.0.2.0/24")?;
///
/// let guard = ResolveClientIp::from_strategy(behind_nginx);
/// # let _ = (guard, behind_two, behind_cdn);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy(Kind);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Peer,
    Header {
        name: HeaderName,
        proxies: Networks,
    },
    Hops {
        family: Family,
        hops: usize,
    },
    Proxies {
        family: Family,
        proxies: Networks,
    },
}

// ===== impl Strategy =====

impl Strategy {
    /// Returns the strategy that reads no header: the client is the peer.
    #[must_use]
    pub fn peer() -> Self {
        Self::default()
    }

    /// The address in a header of its own, such as `x-real-ip`, which a proxy in this list of
    /// addresses and CIDR ranges writes over. Of several lines the last counts.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong: a name that is none, entries that are neither, no entry.
    pub fn header(name: &str, proxies: &str) -> Result<Self, ConfigError> {
        let ranges = ranges(proxies);
        let name = name
            .parse()
            .map_err(|_| ConfigError::new(format!("trusted proxies: {name:?} is no header name")));
        match (name, ranges) {
            (Ok(name), Ok(proxies)) => Ok(Self(Kind::Header { name, proxies })),
            (Err(name), Err(ranges)) => Err(name.and(ranges)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// The entry that the outermost of so many proxies added, counted from the right. Whoever can
    /// reach the server without them chooses its address: use it only where nobody can.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no hop.
    pub fn hops(family: Family, hops: usize) -> Result<Self, ConfigError> {
        if (1..=MOST_HOPS).contains(&hops) {
            Ok(Self(Kind::Hops { family, hops }))
        } else {
            Err(ConfigError::new(format!(
                "trusted proxies: {hops} hops are not between 1 and {MOST_HOPS}"
            )))
        }
    }

    /// The first entry from the right that is none of the proxies in this list of addresses and
    /// CIDR ranges.
    ///
    /// # Errors
    ///
    /// Returns every entry that is neither; an error too if there is none.
    pub fn proxies(family: Family, proxies: &str) -> Result<Self, ConfigError> {
        ranges(proxies).map(|proxies| Self(Kind::Proxies { family, proxies }))
    }

    /// As [`proxies`](Self::proxies) with `X-Forwarded-For`; an empty list is
    /// [`peer`](Self::peer).
    pub(crate) fn from_list(list: &str) -> Result<Self, ConfigError> {
        if list.split(',').all(|entry| entry.trim().is_empty()) {
            Ok(Self::peer())
        } else {
            Self::proxies(Family::default(), list)
        }
    }

    pub(super) fn from_ranges(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        let proxies: Networks = ranges.into_iter().collect();
        if proxies.is_empty() {
            return Self::peer();
        }
        Self(Kind::Proxies {
            family: Family::default(),
            proxies,
        })
    }

    /// Returns what contradicts itself.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> + use<> {
        let problem = "trusted proxies: a range of length 0 trusts everybody";
        self.trusts_everybody()
            .then(|| problem.to_owned())
            .into_iter()
    }

    fn trusts_everybody(&self) -> bool {
        match &self.0 {
            Kind::Header { proxies, .. } | Kind::Proxies { proxies, .. } => proxies.has_everybody(),
            Kind::Peer | Kind::Hops { .. } => false,
        }
    }

    /// The header that is read, if any is.
    pub(super) fn reads(&self) -> Option<&HeaderName> {
        match &self.0 {
            Kind::Peer => None,
            Kind::Header { name, .. } => Some(name),
            Kind::Hops { family, .. } | Kind::Proxies { family, .. } => Some(family.header()),
        }
    }

    pub(super) fn family(&self) -> Option<&Family> {
        match &self.0 {
            Kind::Hops { family, .. } | Kind::Proxies { family, .. } => Some(family),
            Kind::Peer | Kind::Header { .. } => None,
        }
    }

    /// Whether what this peer says of its client is believed.
    #[inline]
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        match &self.0 {
            Kind::Peer => false,
            Kind::Hops { .. } => true,
            Kind::Header { proxies, .. } | Kind::Proxies { proxies, .. } => proxies.contains(peer),
        }
    }

    /// Finds the client of a request that a trusted peer sent.
    pub(super) fn decide(&self, peer: IpAddr, headers: &HeaderMap) -> Decision {
        let decision = |client, entries, why| Decision::new(self, peer, client, entries, why);
        match &self.0 {
            Kind::Peer => decision(peer, 0, Why::NoProxy),
            Kind::Header { name, .. } => {
                let last = headers.get_all(name).into_iter().next_back();
                match last.map(|value| value.to_str().ok().and_then(address::parse)) {
                    Some(Some(client)) => decision(client, 1, Why::Written),
                    Some(None) => decision(peer, 0, Why::Garbage),
                    None => decision(peer, 0, Why::Missing),
                }
            }
            Kind::Hops { family, hops } => match family.entries(headers).nth(hops - 1) {
                Some(entry) => match parsed(entry) {
                    Some(client) => decision(client, *hops, Why::Counted),
                    None => decision(peer, 0, Why::Garbage),
                },
                None => decision(peer, 0, Why::Missing),
            },
            Kind::Proxies { family, proxies } => {
                let (client, entries, why) = walk(peer, family.entries(headers), proxies);
                decision(client, entries, why)
            }
        }
    }
}

/// Walks from the peer towards the client for as long as the hops are trusted.
fn walk<'a>(
    peer: IpAddr,
    entries: impl Iterator<Item = Entry<'a>>,
    proxies: &Networks,
) -> (IpAddr, usize, Why) {
    let mut client = peer;
    for (passed, entry) in entries.enumerate() {
        match parsed(entry) {
            Some(hop) if !proxies.contains(hop) => return (hop, passed + 1, Why::FirstUntrusted),
            Some(hop) if passed < MOST_HOPS => client = hop,
            Some(_) => return (client, passed, Why::TooLong),
            None => return (client, passed, Why::Garbage),
        }
    }
    let why = if client == peer {
        Why::Silent
    } else {
        Why::AllTrusted
    };
    (client, usize::MAX, why)
}

fn parsed(entry: Entry<'_>) -> Option<IpAddr> {
    entry.node.and_then(address::parse)
}

fn ranges(list: &str) -> Result<Networks, ConfigError> {
    let entries = list.split(',').map(str::trim).filter(|e| !e.is_empty());
    let (good, bad): (Vec<_>, Vec<_>) = entries.map(address::parse_range).partition(Result::is_ok);
    ConfigError::check(bad.into_iter().filter_map(Result::err).collect())?;
    if good.is_empty() {
        return Err(ConfigError::new("trusted proxies: none is named"));
    }
    Ok(good.into_iter().flatten().collect())
}

/// For people: `x-forwarded-for of 10.0.0.0/8`.
impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |proxies: &Networks| {
            let proxies: Vec<_> = proxies.iter().map(ToString::to_string).collect();
            proxies.join(", ")
        };
        match &self.0 {
            Kind::Peer => f.write_str("the peer; no proxy is trusted"),
            Kind::Header { name, proxies } => write!(f, "{name} of {}", list(proxies)),
            Kind::Hops { family, hops: 1 } => write!(f, "{family} of one proxy"),
            Kind::Hops { family, hops } => write!(f, "{family} of {hops} proxies"),
            Kind::Proxies { family, proxies } => write!(f, "{family} of {}", list(proxies)),
        }
    }
}

/// More proxies than this are a loop, or a header made to be long.
const MOST_HOPS: usize = 32;
