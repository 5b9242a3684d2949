use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{Arc, Once},
};

use http::request;
use portcullis_core::{ClientIp, Facts, Need, PeerAddr, Principal};

use super::key::{Key, Prefixes};

/// What requests are counted by.
#[derive(Clone)]
pub struct KeyBy(By);

#[derive(Clone)]
enum By {
    Address(Prefixes),
    Nothing,
    Principal,
    ApiKey,
    Head(Arc<HeadKey>),
}

type HeadKey = dyn for<'a> Fn(&'a request::Parts) -> Option<Cow<'a, str>> + Send + Sync;

// ===== impl KeyBy =====

impl KeyBy {
    /// By client address: a whole IPv4 address, the /64 of an IPv6 address. The default. Without a
    /// [`ClientIp`], by the peer: of [`serve`](crate::serve()), or where a layer alone is
    /// [told](crate::edge::GuardLayer::peer_from) to look. Requests of which neither is known share one
    /// quota: a warning says so once, and the edge's explanation from then on.
    #[must_use]
    pub const fn address() -> Self {
        Self::network(Prefixes::SUBSCRIBER)
    }

    /// By the network of the client address.
    #[must_use]
    pub const fn network(prefixes: Prefixes) -> Self {
        Self(By::Address(prefixes))
    }

    /// By nothing: all requests spend one quota.
    #[must_use]
    pub const fn global() -> Self {
        Self(By::Nothing)
    }

    /// By the [`Principal`]; without one, as on a public path, by client address. An edge is not built
    /// where nothing above finds out principals.
    #[must_use]
    pub const fn principal() -> Self {
        Self(By::Principal)
    }

    /// By the id of the API key; without one, by the [`Principal`], or else by client address. An
    /// edge is not built where nothing above finds out principals.
    #[must_use]
    pub const fn api_key() -> Self {
        Self(By::ApiKey)
    }

    /// By what a function makes of the head. Requests for which it gives nothing are not counted.
    ///
    /// Whoever chooses the value chooses whose quota is spent: take what was verified.
    pub fn head(
        key: impl for<'a> Fn(&'a request::Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    ) -> Self {
        Self(By::Head(Arc::new(key)))
    }

    /// Returns what must be known of a request to count by this.
    pub(super) const fn needs(&self) -> &'static [Need] {
        match self.0 {
            By::Address(_) => &[Need::ClientAddress],
            By::Principal | By::ApiKey => &[Need::Principal],
            By::Nothing | By::Head(_) => &[],
        }
    }

    /// Returns the key that has this name in a configuration, if there can be one.
    pub(super) fn parse<'a>(&self, name: &'a str) -> Option<Key<'a>> {
        match self.0 {
            By::Address(prefixes) => Some(Key::from_address(name.parse().ok()?, prefixes)),
            By::Nothing => None,
            By::Principal | By::ApiKey | By::Head(_) => Some(Key::from_name(name)),
        }
    }

    /// Returns what a log may say of a key. What a function makes of a head may be a secret.
    pub(super) fn name(&self, head: &request::Parts, facts: &Facts) -> String {
        match (&self.0, self.key(head, facts)) {
            (By::Head(_), _) => "of a function".to_owned(),
            (_, Some(key)) => key.to_string(),
            (_, None) => Key::Unknown.to_string(),
        }
    }

    #[inline]
    pub(super) fn key<'a>(&self, head: &'a request::Parts, facts: &'a Facts) -> Option<Key<'a>> {
        match &self.0 {
            By::Address(prefixes) => Some(address(facts, *prefixes)),
            By::Nothing => Some(Key::Everybody),
            By::Principal => Some(principal(facts)),
            By::ApiKey => {
                let id = facts.get().and_then(Principal::key_id);
                Some(id.map_or_else(|| principal(facts), Key::from_name))
            }
            By::Head(key) => key(head).map(Key::Name),
        }
    }
}

#[inline]
fn address(facts: &Facts, prefixes: Prefixes) -> Key<'_> {
    match client(facts) {
        Some(ip) => Key::from_address(ip, prefixes),
        None => unknown(),
    }
}

/// Returns the key of the client's address, or else the peer's, where one of them is known.
#[inline]
pub(crate) fn client_key(facts: &Facts) -> Option<Key<'_>> {
    client(facts).map(|ip| Key::from_address(ip, Prefixes::SUBSCRIBER))
}

/// Returns the client's address, or else the peer's.
#[inline]
pub(super) fn client(facts: &Facts) -> Option<IpAddr> {
    let client = facts.get().map(|ClientIp(ip)| *ip);
    client.or_else(|| facts.get().map(|PeerAddr(peer)| peer.ip()))
}

/// Returns the one key of all requests without an address, and says once that there are some.
#[cold]
fn unknown<'a>() -> Key<'a> {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            target: "portcullis",
            "requests without a client address share one quota: tell the layer, or the edge, where the server leaves the peer (`peer_from`)"
        );
    });
    Key::Unknown
}

fn principal(facts: &Facts) -> Key<'_> {
    let id = facts.get().map(Principal::id);
    id.map_or_else(|| address(facts, Prefixes::SUBSCRIBER), Key::from_name)
}

impl Default for KeyBy {
    fn default() -> Self {
        Self::address()
    }
}

/// What the quota is for: `each address`.
impl fmt::Display for KeyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            By::Address(Prefixes::SUBSCRIBER) => f.write_str("each address"),
            By::Address(prefixes) => write!(f, "each network ({prefixes})"),
            By::Nothing => f.write_str("all requests together"),
            By::Principal => f.write_str("each principal, or else address"),
            By::ApiKey => f.write_str("each API key, or else principal or address"),
            By::Head(_) => f.write_str("each key of a function"),
        }
    }
}

impl fmt::Debug for KeyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBy({self})")
    }
}
