//! Networks of addresses.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::IpNet;

/// Networks, in which an IPv4 address and the same one mapped into IPv6 are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Option<Arc<[IpNet]>>);

// ===== impl Networks =====

impl Networks {
    #[inline]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.iter().any(|network| has(network, address))
    }

    /// Whether one of them is all of IPv6, or contains all of IPv4.
    pub(crate) fn has_everybody(&self) -> bool {
        let ends = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Ipv4Addr::BROADCAST.into(),
        ];
        let is_wide = |network: &IpNet| ends.iter().all(|end| has(network, *end));
        self.iter()
            .any(|network| network.prefix_len() == 0 || is_wide(network))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter().flat_map(|networks| networks.iter())
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        let networks: Arc<[IpNet]> = networks.into_iter().collect();
        Self(Some(networks).filter(|networks| !networks.is_empty()))
    }
}

/// A network of IPv6 contains IPv4 addresses as they are mapped into it.
#[inline]
fn has(network: &IpNet, address: IpAddr) -> bool {
    match (network, address) {
        (IpNet::V6(v6), IpAddr::V4(v4)) => v6.contains(&v4.to_ipv6_mapped()),
        _ => network.contains(&address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_in_both_families() {
        for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
            let networks: Networks = [network.parse().unwrap()].into_iter().collect();
            for inside in ["10.1.2.3", "::ffff:10.1.2.3"] {
                assert!(
                    networks.contains(inside.parse().unwrap()),
                    "{inside} in {network}"
                );
            }
            for outside in ["11.1.2.3", "::ffff:11.1.2.3", "::10.1.2.3"] {
                assert!(
                    !networks.contains(outside.parse().unwrap()),
                    "{outside} in {network}"
                );
            }
        }
    }

    #[test]
    fn a_wide_network_contains_what_is_mapped_into_it() {
        let networks: Networks = ["::ffff:0:0/90".parse().unwrap()].into_iter().collect();

        assert!(networks.contains("10.1.2.3".parse().unwrap()));
        assert!(networks.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!networks.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn some_networks_have_everybody() {
        let has_everybody = |network: &str| {
            let networks: Networks = [network.parse().unwrap()].into_iter().collect();
            networks.has_everybody()
        };

        for wide in [
            "0.0.0.0/0",
            "::/0",
            "::ffff:0:0/96",
            "::ffff:0:0/90",
            "::/64",
        ] {
            assert!(has_everybody(wide), "{wide}");
        }
        for narrow in ["0.0.0.0/1", "::ffff:0:0/97", "2000::/3", "fc00::/7"] {
            assert!(!has_everybody(narrow), "{narrow}");
        }
    }
}
