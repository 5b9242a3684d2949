use std::{
    borrow::Cow,
    fmt,
    hash::{BuildHasher, Hasher},
    net::IpAddr,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use foldhash::{SharedSeed, quality::SeedableRandomState};
use portcullis_core::ConfigError;

/// Whose quota a request spends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key<'a> {
    /// A network, by its first address: one host, or what one subscriber gets.
    Network(IpAddr),
    /// A name: of a principal, or what a function made of a request's head.
    Name(Cow<'a, str>),
    /// Requests of which nothing is known share one key.
    Unknown,
    /// All requests share one key.
    Everybody,
}

/// How much of an address is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    v4: u8,
    v6: u8,
}

/// Hashes keys with secrets of this process, so that nobody can aim at a place in a table.
#[derive(Clone)]
pub(crate) struct Secret {
    places: Hashes,
    /// Of seeds of their own: what leaves the process says nothing of what does not.
    marks: Hashes,
}

/// Whether there were requests of which nothing is known.
#[derive(Debug, Default)]
pub(super) struct Unknown(AtomicBool);

#[derive(Clone)]
struct Hashes {
    networks: SeedableRandomState,
    names: SeedableRandomState,
}

// ===== impl Key =====

impl<'a> Key<'a> {
    /// Creates the key of an address.
    #[must_use]
    #[inline]
    pub fn from_address(address: IpAddr, prefixes: Prefixes) -> Self {
        Self::Network(match subscriber(address) {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & prefixes.v4_mask()).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & prefixes.v6_mask()).into()),
        })
    }

    /// Creates the key of a name.
    pub fn from_name(name: impl Into<Cow<'a, str>>) -> Self {
        Self::Name(name.into())
    }
}

/// The same key has the same text in every process.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => write!(f, "ip:{address}"),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Unknown => f.write_str("unknown"),
            Self::Everybody => f.write_str("everybody"),
        }
    }
}

/// The address of the one behind it: an IPv4 client that came through a NAT64 has its own, not one
/// that it shares with all others (RFC 6052, section 2.1).
#[inline]
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.to_bits() >> 32 == NAT64 => (v6.to_bits() as u32).to_be_bytes().into(),
        other => other,
    }
}

// ===== impl Prefixes =====

impl Prefixes {
    /// What one subscriber gets: an IPv4 address, the /64 of an IPv6 address.
    pub const SUBSCRIBER: Self = Self { v4: 32, v6: 64 };

    /// The first so many bits of IPv4 and of IPv6 addresses.
    ///
    /// # Errors
    ///
    /// Returns both that are wrong: at most 32 and 128 bits, at least one.
    pub fn new(v4: u8, v6: u8) -> Result<Self, ConfigError> {
        let problem = |name, bits, most| {
            let is_wrong = !(1..=most).contains(&bits);
            is_wrong.then(|| format!("{name} prefix: {bits} is not between 1 and {most}"))
        };
        let problems = [problem("IPv4", v4, 32), problem("IPv6", v6, 128)];
        ConfigError::check(problems.into_iter().flatten().collect())?;
        Ok(Self { v4, v6 })
    }

    const fn v4_mask(self) -> u32 {
        u32::MAX << (32 - self.v4)
    }

    const fn v6_mask(self) -> u128 {
        u128::MAX << (128 - self.v6)
    }
}

impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IPv4 /{}, IPv6 /{}", self.v4, self.v6)
    }
}

// ===== impl Secret =====

impl Secret {
    pub(crate) fn random() -> Self {
        Self {
            places: Hashes::random(&PLACES),
            marks: Hashes::random(&MARKS),
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &Key<'_>) -> u64 {
        self.places.hash(key)
    }

    /// Returns the partition key that clients see (`pk`).
    #[inline]
    pub(super) fn partition_key(&self, key: &Key<'_>) -> u64 {
        self.marks.hash(key)
    }
}

// ===== impl Unknown =====

impl Unknown {
    #[inline]
    pub(super) fn note(&self, key: &Key<'_>) {
        if *key == Key::Unknown {
            self.0.store(true, Relaxed);
        }
    }
}

/// For people, after what a limit does.
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.load(Relaxed) {
            "; some requests have no address, and share one quota"
        } else {
            ""
        })
    }
}

// ===== impl Hashes =====

impl Hashes {
    fn random(shared: &'static SharedSeed) -> Self {
        let seeded = || SeedableRandomState::with_seed(rand::random(), shared);
        Self {
            networks: seeded(),
            names: seeded(),
        }
    }

    #[inline]
    fn hash(&self, key: &Key<'_>) -> u64 {
        match key {
            Key::Network(IpAddr::V4(v4)) => self.network(IPV4 | u128::from(v4.to_bits())),
            Key::Network(IpAddr::V6(v6)) => self.network(v6.to_bits()),
            Key::Name(name) => self.names.hash_one(name.as_bytes()),
            Key::Unknown | Key::Everybody => self.network(NOBODY),
        }
    }

    #[inline]
    fn network(&self, bits: u128) -> u64 {
        let mut hasher = self.networks.build_hasher();
        hasher.write_u128(bits);
        hasher.finish()
    }
}

static PLACES: LazyLock<SharedSeed> = LazyLock::new(random_seed);
static MARKS: LazyLock<SharedSeed> = LazyLock::new(random_seed);

fn random_seed() -> SharedSeed {
    SharedSeed::from_u64(rand::random())
}

/// `64:ff9b::/96`.
const NAT64: u128 = 0x0064_ff9b << 64;

/// No client has a multicast address (RFC 4291, section 2.7), so nobody's IPv6 address is an IPv4
/// address here.
const IPV4: u128 = 0xff << 120;
const NOBODY: u128 = IPV4 | 1 << 64;
