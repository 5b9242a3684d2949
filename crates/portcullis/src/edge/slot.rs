use std::fmt;

/// A place in the order in which an edge asks its guards.
///
/// The variants are declared in that order, the outermost first. In one slot the
/// guard of a setter is asked first, then those of [`Edge::guard`](super::Edge::guard) in the order in
/// which they were added.
///
/// Guards of the first three are asked about every request, whatever one of them says: every
/// response has an ID and the headers of its profile. All others are asked until one does not
/// admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// Who the client is.
    ClientAddress,
    /// The request's ID.
    RequestId,
    /// Headers that every response gets.
    SecureHeaders,
    /// Requests that two servers could read differently.
    Hygiene,
    /// Probes: `/health`, `/ready`, `/live`.
    Health,
    /// CORS, and requests from other sites.
    CrossOrigin,
    /// Requests that the server has no capacity for.
    LoadShed,
    /// Quotas of addresses.
    RateLimit,
    /// Requests at the same time.
    InFlight,
    /// Probes, for those who want probes to spend quota.
    LimitedHealth,
    /// Preflights that CORS allows.
    Preflights,
    /// Reports of browsers.
    Reports,
    /// Bodies that are too large.
    BodyLimit,
    /// Who sent the request.
    Authentication,
    /// What the sender may do, and how often.
    Authorization,
}

// ===== impl Slot =====

impl Slot {
    /// All slots, outermost first.
    pub const ALL: [Self; 15] = [
        Self::ClientAddress,
        Self::RequestId,
        Self::SecureHeaders,
        Self::Hygiene,
        Self::Health,
        Self::CrossOrigin,
        Self::LoadShed,
        Self::RateLimit,
        Self::InFlight,
        Self::LimitedHealth,
        Self::Preflights,
        Self::Reports,
        Self::BodyLimit,
        Self::Authentication,
        Self::Authorization,
    ];

    /// Returns the slot's name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientAddress => "client address",
            Self::RequestId => "request ID",
            Self::SecureHeaders => "secure headers",
            Self::Hygiene => "hygiene",
            Self::Health => "health",
            Self::CrossOrigin => "cross-origin",
            Self::LoadShed => "load shed",
            Self::RateLimit => "rate limit",
            Self::InFlight => "in flight",
            Self::LimitedHealth => "limited health",
            Self::Preflights => "preflights",
            Self::Reports => "reports",
            Self::BodyLimit => "body limit",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
        }
    }

    /// Returns why the slot is above the next.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::ClientAddress => "everything below counts or records by address",
            Self::RequestId => "everything below logs it",
            Self::SecureHeaders => "every response gets them, a 401 and a 500 too",
            Self::Hygiene => {
                "nothing below should meet a request that two servers read differently"
            }
            Self::Health => "probes spend no quota and need no key",
            Self::CrossOrigin => "preflights carry no key, and browsers must be able to read a 401",
            Self::LoadShed => "refusing must be the cheapest thing",
            Self::RateLimit => "guessing keys must cost",
            Self::InFlight => "who waits for a response takes a place, known or not",
            Self::LimitedHealth => "for those who want probes to spend quota",
            Self::Preflights => "browsers send them without a key, and they spend quota",
            Self::Reports => "browsers send them without a key, and they spend quota",
            Self::BodyLimit => "it comes before anything that reads a body",
            Self::Authentication => "the application sees only known callers",
            Self::Authorization => "it must be known who asks",
        }
    }

    /// Returns `true` if guards of the slot are asked about every request.
    #[must_use]
    pub const fn is_always_asked(self) -> bool {
        matches!(
            self,
            Self::ClientAddress | Self::RequestId | Self::SecureHeaders
        )
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
